-- idempotency.lua: the life of a request that sends events under an Idempotency-Key, in Redis, for all ingest
-- processes.
--
--   ARGV     operation, tag, print, owner, keep_ms, producer, and then
--            "reserve"  from_seq: where its producer's next batch stands, to find its events after a crash
--            "finish"   code, answer, answers kept, bytes kept
--            "release"  events stored, id of the first, id of the last: "0", "", "" for none
--            "prune"    nothing
--            Before this text C puts the table key and idempotency_records.lua.
--   answer   reserve  {"go", stored, first_id, last_id}: the caller goes on behind what is stored already
--                     {"done", code, answer} | {"busy"} | {"other"}: the key was used with another request
--            others   {"ok", answers that had to go}

local operation, tag, print, owner, keep, producer = unpack(ARGV, 1, 6)
keep = tonumber(keep)
local open = key.idempotency_open:format(producer)

-- It is no longer under way; a later reservation of the same tag stays.
local function close()
    local place = redis.call('HGET', open, tag)
    if place and place:sub(1, #owner + 1) == owner .. ' ' then redis.call('HDEL', open, tag) end
end

local function reserve()
    local r = idempotency.recall(tag, keep)
    if r and r.print ~= print then return {'other'} end
    if r and r.state == 'D' then return {'done', r.code, r.answer} end
    if r and r.state == 'P' then return {'busy'} end
    local stored, first, last = 0, '', ''
    if r then stored, first, last = r.stored, r.first, r.last end
    redis.call('HSET', open, tag, owner .. ' ' .. ARGV[7]) -- fails when it is no hash, before anything is written
    redis.call('PEXPIRE', open, keep)
    idempotency.note(tag, 'P', print, owner, stored, first, last, keep)
    return {'go', stored, first, last}
end

-- Also when Redis has lost the reservation: the answer is true all the same.
local function finish()
    local r = idempotency.recall(tag, keep)
    local evicted = 0
    if not r or (r.state == 'P' and r.owner == owner) then
        evicted = idempotency.answer(tag, print, tonumber(ARGV[7]), ARGV[8], keep, tonumber(ARGV[9]), tonumber(ARGV[10]))
    end
    close()
    return {'ok', evicted}
end

local function release()
    local r = idempotency.recall(tag, keep)
    if r and r.state == 'P' and r.owner == owner then
        local stored, first, last = tonumber(ARGV[7]), ARGV[8], ARGV[9]
        if stored <= r.stored then stored, last = r.stored, r.last end
        if r.stored > 0 then first = r.first end
        if stored > 0 then
            idempotency.note(tag, 'S', r.print, '', stored, first, last, keep)
        else
            redis.call('DEL', key.idempotency:format(tag))
        end
    end
    close()
    return {'ok', 0}
end

if operation == 'reserve' then return reserve() end
if operation == 'finish' then return finish() end
if operation == 'release' then return release() end
idempotency.prune(keep)
return {'ok', 0}
