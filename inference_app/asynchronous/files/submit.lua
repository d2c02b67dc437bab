-- Makes a job and queues it, unless its caller did so before or too many are open.
-- KEYS: the queue, the open jobs, the job, the claim on an idempotency key.
-- ARGV: most that may be open, seconds that the job may wait and its claim be kept, prefix of jobs' keys, id, digest
-- of what is asked (empty without an idempotency key), the message, then the job's fields and values.
-- Returns the id and the digest of the job that stands for the request; nothing where there is no room.
local most, wait, claim, prefix, id, digest, message = unpack(ARGV, 1, 7)
if digest ~= '' then
  local first = redis.call('HMGET', KEYS[4], 'id', 'digest')
  if first[1] and redis.call('EXISTS', prefix .. first[1]) == 1 then
    return first
  end
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(most) then
  return {}
end
if digest ~= '' then
  redis.call('HSET', KEYS[4], 'id', id, 'digest', digest)
  redis.call('EXPIRE', KEYS[4], claim)
end
redis.call('HSET', KEYS[3], unpack(ARGV, 8))
redis.call('EXPIRE', KEYS[3], wait)
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], id)
redis.call('LPUSH', KEYS[1], message)
return {id, digest}
