-- GET /livez: what the HTTP edge alone can do.
local whole
function init() whole = wrk.format("GET", "/livez") end
function request() return whole end
function done(summary, latency)
  io.write(string.format('RESULT {"ops_per_second":%.1f,"p50_us":%d,"p99_us":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99)))
end
