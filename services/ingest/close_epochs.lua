-- close_epochs.lua: forgets floors and bitmaps of a producer's epochs that are over. From then on the commit
-- takes every batch of them for a duplicate, so an epoch is only closed when all it ever had is committed, in
-- this very Redis: closing and commits are lost together when Redis is restored from a copy.
--
--   ARGV    producer, below, then pairs: an epoch below `below`, how many batches it had. Of an epoch that is
--           not named the spool holds nothing: it was deleted when it was committed, and never comes again.
--   answer  the lowest epoch that is not closed

local EPOCHS_AT_ONCE = 64

local producer, below = ARGV[1], tonumber(ARGV[2])
local ends = {}
for i = 3, #ARGV, 2 do ends[tonumber(ARGV[i])] = tonumber(ARGV[i + 1]) end

local was_closed = tonumber(redis.call('HGET', key.floors, producer) or 1)
local closed = was_closed
local lanes, pages = {}, {}
while closed < math.min(below, was_closed + EPOCHS_AT_ONCE) do
    local lane = ('%s-%d'):format(producer, closed)
    local known = redis.call('HGET', key.floors, lane)
    local floor = tonumber(known or 0)
    if floor < (ends[closed] or 0) then break end
    if known then
        table.insert(lanes, lane)
        for number = floor, floor + DEDUP_AHEAD_MAX, DEDUP_PAGE_BITS do
            local page = ('%d'):format(math.floor(number / DEDUP_PAGE_BITS))
            table.insert(pages, key.dedup:format(lane, page))
        end
    end
    closed = closed + 1
end

if closed > was_closed then redis.call('HSET', key.floors, producer, closed) end
if #lanes > 0 then
    redis.call('HDEL', key.floors, unpack(lanes))
    redis.call('DEL', unpack(pages))
end
return closed
