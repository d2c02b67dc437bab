-- Changes a job that is not final.
-- KEYS: the open jobs, the job. ARGV: its id, seconds to keep it where the change is final, else nothing; then fields
-- and values. Returns the status it had; nothing where there is no such job.
local status = redis.call('HGET', KEYS[2], 'status')
if status == 'queued' or status == 'running' then
  redis.call('HSET', KEYS[2], unpack(ARGV, 3))
  if ARGV[2] ~= '' then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], 'body')
    redis.call('EXPIRE', KEYS[2], ARGV[2])
  end
end
return status
