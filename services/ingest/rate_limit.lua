-- rate_limit.lua: takes tokens from a bucket all ingest processes share (GCRA, on Redis' clock).
--
--   ARGV     bucket, tokens wanted, interval between two tokens in us, tokens of a full bucket, buckets kept.
--            Before this text shared_script.c puts the table key.
--   answer   {taken, left, us until it is full, us until there is one more, buckets that had to go}
--
-- A bucket is its member's score: when it will be full again. One that is full already says nothing, and goes;
-- when there are too many, those go that are full soonest.

local call, floor_of = redis.call, math.floor
local bucket = ARGV[1]
local wanted, interval, size, kept = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local STALE_MOST = 16

local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local full_at = tonumber(call('ZSCORE', key.rates, bucket) or '0')
if full_at < now then full_at = now end
-- A clock that went back must not shut anybody out for longer than the bucket's own time.
if full_at > now + interval * size then full_at = now + interval * size end

local left = floor_of((now + interval * size - full_at) / interval + 0.001)
local taken = left < wanted and left or wanted
local evicted = 0
if taken > 0 then
    full_at = full_at + taken * interval
    call('ZADD', key.rates, ('%.2f'):format(full_at), bucket)
    local stale = call('ZRANGE', key.rates, '-inf', ('%.2f'):format(now), 'BYSCORE', 'LIMIT', 0, STALE_MOST)
    if #stale > 0 then call('ZREM', key.rates, unpack(stale)) end
    while call('ZCARD', key.rates) > kept and evicted < STALE_MOST do
        call('ZPOPMIN', key.rates)
        evicted = evicted + 1
    end
end
local wait = full_at + interval - (now + interval * size)
return {taken, left - taken, floor_of(full_at - now), wait > 0 and floor_of(wait) or 0, evicted}
