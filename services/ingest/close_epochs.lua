-- close_epochs.lua: forgets floors and bitmaps of a producer's epochs that are over. From then on the commit
-- takes every batch of them for a duplicate, so an epoch is only closed when all it ever had is committed, in
-- this very Redis: closing and commits are lost together when Redis is restored from a copy.
--
-- A spool that lost its last milliseconds with the power may have sent them before: then more events of an epoch
-- are counted than the spool remembers. They are booked as accepted, too, once nothing can be added to them.
--
--   ARGV    producer, below, events accepted before epoch `below`, events accepted until now, then threes: an
--           epoch below `below`, how many batches it had, events accepted before it. Events are '' where the
--           spool does not know. Of an epoch that is not named the spool holds nothing: it was deleted when it
--           was committed, and never comes again.
--   answer  the lowest epoch that is not closed

local EPOCHS_AT_ONCE = 64

local producer, below = ARGV[1], tonumber(ARGV[2])
local ends, begins = {}, {[below] = tonumber(ARGV[3])}
for i = 5, #ARGV, 3 do
    local epoch = tonumber(ARGV[i])
    ends[epoch], begins[epoch] = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
end

local was_closed = tonumber(redis.call('HGET', key.floors, producer) or 1)
local closed = was_closed
local lanes, counters, pages = {}, {}, {}
while closed < math.min(below, was_closed + EPOCHS_AT_ONCE) do
    local lane = ('%s-%d'):format(producer, closed)
    local known = redis.call('HGET', key.floors, lane)
    local floor = tonumber(known or 0)
    if floor < (ends[closed] or 0) then break end
    if known then
        table.insert(lanes, lane)
        table.insert(counters, 'counted:' .. lane)
        for number = floor, floor + DEDUP_AHEAD_MAX, DEDUP_PAGE_BITS do
            local page = ('%d'):format(math.floor(number / DEDUP_PAGE_BITS))
            table.insert(pages, key.dedup:format(lane, page))
        end
    end
    closed = closed + 1
end
if closed == was_closed then return closed end

-- Events of the closed epochs as the spool knows them: between the first one's beginning and that of the first
-- one behind them.
local behind = closed
while behind < below and not ends[behind] do behind = behind + 1 end
local begins_at = 'begins:' .. producer
local first = tonumber(redis.call('HGET', key.ledger, begins_at) or (was_closed == 1 and 0 or nil))
local remembered = first and begins[behind] and begins[behind] - first
local counted = 0
for _, events in ipairs(#counters > 0 and redis.call('HMGET', key.ledger, unpack(counters)) or {}) do
    counted = counted and events and counted + tonumber(events)
end

redis.call('HSET', key.floors, producer, closed)
if remembered and counted and counted > remembered then
    redis.call('HINCRBY', key.ledger, 'forgotten:' .. producer, counted - remembered)
    redis.call('HSET', key.ledger, 'accepted:' .. producer, ARGV[4])
end
if begins[behind] then
    redis.call('HSET', key.ledger, begins_at, begins[behind])
else
    redis.call('HDEL', key.ledger, begins_at)
end
if #lanes > 0 then
    redis.call('HDEL', key.floors, unpack(lanes))
    redis.call('HDEL', key.ledger, unpack(counters))
    redis.call('DEL', unpack(pages))
end
return closed
