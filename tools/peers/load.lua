-- wrk's work against either door: whole requests are put together from parts made ahead, so that the
-- generator costs the same for both and little. DOOR=cairn|etcd, WORK=put|get|load, SUFFIX: what
-- follows a key in a GET's target (as "?consistency=eventual").
local door, work = os.getenv("DOOR"), os.getenv("WORK")
local suffix = os.getenv("SUFFIX") or ""
local keys, size = tonumber(os.getenv("KEYS")), tonumber(os.getenv("VALUE_SIZE"))
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 0, 3 do
      local known = place < 2 or (place == 2 and b) or (place == 3 and c)
      local digit = math.floor(bits / 64 ^ (3 - place)) % 64 + 1
      out[#out + 1] = known and alphabet:sub(digit, digit) or "="
    end
  end
  return table.concat(out)
end

local function key(number) return string.format("key%013d", number) end
local names, values = {}, {}
local head, middle, tail

function init()
  math.randomseed(tonumber(os.getenv("SEED")))
  for number = 0, keys - 1 do
    names[number] = door == "etcd" and base64(key(number)) or key(number)
  end
  for number = 1, 64 do
    local letters = {}
    for at = 1, size do letters[at] = string.char(math.random(97, 122)) end
    local text = table.concat(letters)
    values[number] = door == "etcd" and base64(text) or text
  end
  local host = "Host: " .. wrk.host .. ":" .. wrk.port .. "\r\n"
  if door == "etcd" then
    local path = work == "get" and "range" or "put"
    local length = #'{"key":""}' + #names[0]
    if work ~= "get" then length = length + #',"value":""' + #values[1] end
    head = "POST /v3/kv/" .. path .. " HTTP/1.1\r\n" .. host ..
           "Content-Type: application/json\r\nContent-Length: " .. length .. '\r\n\r\n{"key":"'
    middle, tail = '","value":"', '"}'
  elseif work == "get" then
    head, tail = "GET /v1/kv/", suffix .. " HTTP/1.1\r\n" .. host .. "\r\n"
  else
    head, tail = "PUT /v1/kv/", ""
    middle = " HTTP/1.1\r\n" .. host .. "Content-Length: " .. size .. "\r\n\r\n"
  end
end

local asked, answered = 0, 0
function request()
  local name
  if work == "load" then
    name = names[asked % keys]
    asked = asked + 1
  else
    name = names[math.random(0, keys - 1)]
  end
  if work == "get" then return head .. name .. tail end
  return head .. name .. middle .. values[math.random(1, 64)] .. tail
end

if work == "load" then
  function response()
    answered = answered + 1
    if answered == keys + 1000 then  -- past what was still under way
      io.write("LOADED\n")
      io.flush()
      wrk.thread:stop()
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"ops_per_second":%.1f,"p50_us":%d,"p99_us":%d,"p999_us":%d,"requests":%d,"errors":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), summary.requests,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
