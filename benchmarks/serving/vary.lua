-- wrk's script: POSTs that differ in the last four bytes of their body, a small FP32 number that counts.
local counted = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local body = file:read("*a")
  file:close()
  wrk.method = "POST"
  for at = 2, #arguments, 2 do
    wrk.headers[arguments[at]] = arguments[at + 1]
  end
  start = body:sub(1, -5)
  counted = os.time() % 65536 * 64
end

function request()
  counted = counted + 1
  local low, middle, high = counted % 256, math.floor(counted / 256) % 256, math.floor(counted / 65536) % 256
  return wrk.format(nil, nil, nil, start .. string.char(low, middle, high % 128, 62))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "non_2xx": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
