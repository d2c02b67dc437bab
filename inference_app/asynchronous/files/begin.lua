-- Begins an attempt at a job that has no answer yet.
-- KEYS: the open jobs, the job. ARGV: its id. Returns what the attempt needs; nothing where there is nothing to do.
local status = redis.call('HGET', KEYS[2], 'status')
if status ~= 'queued' and status ~= 'running' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return {}
end
redis.call('HINCRBY', KEYS[2], 'attempts', 1)
redis.call('HSET', KEYS[2], 'status', 'running')
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
return redis.call('HMGET', KEYS[2], 'model', 'content_type', 'body', 'attempts', 'submitted_at')
