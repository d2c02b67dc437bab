-- Finds open jobs that nobody has touched for long and whose messages are nowhere: Celery takes one from the list
-- before it notes that it has it, and a worker may be killed in between.
-- KEYS: the queue, the open jobs. ARGV: seconds, most to find, prefix of jobs' keys.
-- Returns their ids, which count as touched from now on.
local before = redis.call('TIME')[1] - ARGV[1]
local oldest = redis.call('LINDEX', KEYS[1], -1)
local waits = oldest and redis.call('ZSCORE', KEYS[2], cjson.decode(oldest).headers.id)
if waits and tonumber(waits) < before then
  before = '(' .. waits -- what is older than the oldest message has none
end
local lost = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', before, 'LIMIT', 0, ARGV[2])) do
  if redis.call('EXISTS', ARGV[3] .. id) == 1 then
    redis.call('ZADD', KEYS[2], redis.call('TIME')[1], id)
    table.insert(lost, id)
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return lost
