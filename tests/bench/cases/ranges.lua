-- For wrk: 64 KiB at random places of the first PIECES pieces; prints one line of JSON.
local piece = 65536
local pieces

function init(args)
  pieces = tonumber(args[1])
  math.randomseed(5)
end

function request()
  local start = math.random(0, pieces - 1) * piece
  return wrk.format("GET", nil, {["Range"] = string.format("bytes=%d-%d", start, start + piece - 1)})
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format('{"requests": %d, "bytes": %.0f, "seconds": %f, "errors": %d}',
    summary.requests, summary.bytes, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
