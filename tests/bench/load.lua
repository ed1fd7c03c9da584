-- load.lua: the requests of the benchmark, for wrk: wrk -s load.lua URL -- MODE KEY FIRST [THREAT_EVERY]
--   MODE  single (POST /log, waits for the verdict), async (POST /log, 202), bulk (POST /logs, NDJSON)
--   FIRST number of the first event, so that repetitions do not send the same again
-- The mix: one event in THREAT_EVERY (20) is a threat (login_failed, count 8) from one of 50 addresses, the others are
-- ordinary logins; about 300 bytes each. All requests are built before the clock starts.
local ffi = require("ffi")
ffi.cdef("typedef struct {long seconds, nanoseconds;} moment; int clock_gettime(int clock, moment *now);")
local CLOCK_MONOTONIC = 1

local REQUESTS = {single = 2000, async = 2000, bulk = 20}
local BULK_LINES = 1000

local threat_every = 20

local function event(number)
    if number % threat_every == 0 then
        return string.format('{"event_type":"login_failed","source_ip":"198.51.100.%d","username":"user%d","count":8,' ..
            '"description":"repeated failures","raw_log":"sshd[%d]: Failed password for user%d from 198.51.100.%d port 50022 ssh2",' ..
            '"metadata":{"host":"web-%d","service":"sshd"}}',
            number / threat_every % 50, number % 997, number % 30000, number % 997, number / threat_every % 50, number % 12)
    end
    return string.format('{"event_type":"login_success","source_ip":"10.0.%d.%d","username":"user%d",' ..
        '"description":"session opened by a member of staff","raw_log":"sshd[%d]: Accepted publickey for user%d from 10.0.%d.%d port 50022 ssh2",' ..
        '"metadata":{"host":"web-%d","service":"sshd"}}',
        number % 16, number % 250, number % 997, number % 30000, number % 997, number % 16, number % 250, number % 12)
end

local requests, at = {}, 0

function init(arguments)
    local mode, key, number = arguments[1], arguments[2], tonumber(arguments[3])
    threat_every = tonumber(arguments[4] or threat_every)
    local headers = {["X-API-Key"] = key, ["Content-Type"] = "application/json"}
    if mode == "async" then headers["Prefer"] = "respond-async" end
    if mode == "bulk" then headers["Content-Type"] = "application/x-ndjson" end
    for i = 1, REQUESTS[mode] do
        local lines = {}
        for line = 1, mode == "bulk" and BULK_LINES or 1 do
            lines[line] = event(number)
            number = number + 1
        end
        requests[i] = wrk.format("POST", mode == "bulk" and "/logs" or "/log", headers, table.concat(lines, "\n"))
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

-- ended_us: when, by the monotonic clock; microseconds of load ended then.
function done(summary, latency, rates)
    local now = ffi.new("moment[1]")
    ffi.C.clock_gettime(CLOCK_MONOTONIC, now)
    io.write(string.format('RESULT {"requests":%d,"microseconds":%d,"ended_us":%d,"not_2xx":%d,"socket_errors":%d,"p50_us":%d,"p99_us":%d}\n',
        summary.requests, summary.duration, tonumber(now[0].seconds) * 1e6 + math.floor(tonumber(now[0].nanoseconds) / 1e3), summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
