-- wrk's script: POSTs as post.lua's, but for the last four bytes of their body, a small FP32 number that counts.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(folder .. "post.lua")

local counted, start, init_post = 0, "", init

function init(arguments)
  init_post(arguments)
  start = wrk.body:sub(1, -5)
  counted = os.time() % 65536 * 64
end

function request()
  counted = counted + 1
  local low, middle, high = counted % 256, math.floor(counted / 256) % 256, math.floor(counted / 65536) % 256
  return wrk.format(nil, nil, nil, start .. string.char(low, middle, high % 128, 62))
end
