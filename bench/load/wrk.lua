-- The calls of a file (bench/load/calls.ts), one after the other from the one whose number is given, and the result as one
-- line of JSON.
local requests = {}
local at = 0

function init(args)
  at = tonumber(args[2])
  local method, body
  for line in io.lines(args[1]) do
    if method == nil then
      method, body = line:match("^(%u+)\t(.*)$")
    else
      local path, token = line:match("^([^\t]+)\t(.+)$")
      local headers = { ["Authorization"] = "Bearer " .. token }
      if body ~= "" then headers["Content-Type"] = "application/json" end
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"failed":%d,"why":"%d refused, %d connections, %d timeouts","p50":%.3f,"p99":%.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
