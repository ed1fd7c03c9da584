-- idempotency_records.lua: what is remembered of requests with an Idempotency-Key; before the text of every script
-- that deals with them. Before this text C puts the table key.
--
-- A record stands under key.idempotency of its tag (the caller's key and the Idempotency-Key, digested):
--   {state, print, owner, stored, first_id, last_id, code, answer, at_ms}
--   state    P: under way, owner says by whom; S: `stored` of its events are stored, and nobody goes on; D: done
--   print    digest of the request's path and body
--   answer   the body of the first answer, with its code; code 0: the reply of status.lua, packed
-- P and S live for as long as answers are kept; answers go by time, and when they are too many or too large the
-- oldest go first, which is counted.

local idempotency = {}
local IDEMPOTENCY_OVERHEAD = 200
local IDEMPOTENCY_GO_MOST = 256

function idempotency.now()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function name_of(tag) return key.idempotency:format(tag) end

-- An answer goes, and its bytes are no longer counted.
local function forget(tag)
    local size = redis.call('STRLEN', name_of(tag))
    if redis.call('ZREM', key.idempotency_done, tag) == 1 and size > 0 then
        redis.call('DECRBY', key.idempotency_bytes, size + IDEMPOTENCY_OVERHEAD)
    end
    redis.call('DEL', name_of(tag))
end

-- The record of a tag, or nil; an answer that is too old is none.
function idempotency.recall(tag, keep)
    local packed = redis.call('GET', name_of(tag))
    if not packed then return nil end
    local r = cmsgpack.unpack(packed)
    if r[1] == 'D' and r[9] + keep <= idempotency.now() then
        forget(tag)
        return nil
    end
    return {state = r[1], print = r[2], owner = r[3], stored = r[4], first = r[5], last = r[6], code = r[7], answer = r[8]}
end

-- Keeps a record that is no answer.
function idempotency.note(tag, state, print, owner, stored, first, last, keep)
    redis.call('SET', name_of(tag), cmsgpack.pack({state, print, owner, stored, first, last, 0, '', 0}), 'PX', keep)
end

-- Lets go what is older than `keep`; how many went.
function idempotency.prune(keep)
    local old = redis.call('ZRANGE', key.idempotency_done, '-inf', idempotency.now() - keep, 'BYSCORE',
                           'LIMIT', 0, IDEMPOTENCY_GO_MOST)
    for _, tag in ipairs(old) do forget(tag) end
    return #old
end

-- Keeps an answer, and lets the oldest go while there are more than `most`, or more than `bytes`; how many went.
function idempotency.answer(tag, print, code, answer, keep, most, bytes)
    local evicted = 0
    idempotency.prune(keep)
    forget(tag)
    local packed = cmsgpack.pack({'D', print, '', 0, '', '', code, answer, idempotency.now()})
    redis.call('SET', name_of(tag), packed)
    redis.call('ZADD', key.idempotency_done, ('%.0f'):format(idempotency.now()), tag)
    local held = redis.call('INCRBY', key.idempotency_bytes, #packed + IDEMPOTENCY_OVERHEAD)
    while evicted < IDEMPOTENCY_GO_MOST and (held > bytes or redis.call('ZCARD', key.idempotency_done) > most) do
        local oldest = redis.call('ZRANGE', key.idempotency_done, 0, 0)[1]
        if oldest == tag or not oldest then break end
        forget(oldest)
        held = tonumber(redis.call('GET', key.idempotency_bytes))
        evicted = evicted + 1
    end
    return evicted
end
