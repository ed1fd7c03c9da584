-- reads.lua: the same GET again and again, for wrk: wrk -s reads.lua URL; prints how long it took
function done(summary, latency, rates)
    io.write(string.format('RESULT {"requests":%d,"not_2xx":%d,"socket_errors":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}\n',
        summary.requests, summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(50), latency:percentile(99), latency.max))
end
