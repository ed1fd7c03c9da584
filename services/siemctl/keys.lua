-- keys.lua: adds a key of the API, or revokes one: the record, the version by which ingest processes see that
-- something changed, and an entry of the audit trail, together.
--
--   ARGV     "add", id, now_ms, who, what, record, keys kept
--            "revoke", id, now_ms, who, what
--            Before this text cmd_keys.c puts the table key.
--   answer   {"ok"}, {"full"}, {"not_found"} or {"already"}
--
-- When there is no room for another key, the one that ended first (revoked or expired) goes.

local call = redis.call
local operation, id, now_ms, who, what, record, kept = unpack(ARGV, 1, 7)
local AUDIT_KEPT = 100000

-- The key that ended first, or nil.
local function find_ended()
    local first, first_at
    local records = call('HGETALL', key.api_keys)
    for i = 1, #records, 2 do
        local expires = tonumber(records[i + 1]:match('^%S+ %S+ %d+ (%d+)') or '0')
        local ended = tonumber(call('HGET', key.api_keys_revoked, records[i]) or '0')
        if ended == 0 and expires > 0 and expires <= tonumber(now_ms) then ended = expires end
        if ended > 0 and (not first_at or ended < first_at) then first, first_at = records[i], ended end
    end
    return first
end

local gone
if operation == 'add' and call('HLEN', key.api_keys) >= tonumber(kept) then
    gone = find_ended()
    if not gone then return {'full'} end
elseif operation == 'revoke' then
    if call('HEXISTS', key.api_keys, id) == 0 then return {'not_found'} end
    if call('HEXISTS', key.api_keys_revoked, id) == 1 then return {'already'} end
end
call('XLEN', key.audit_keys)
local time = call('TIME')

if gone then
    call('HDEL', key.api_keys, gone)
    call('HDEL', key.api_keys_revoked, gone)
end
if operation == 'add' then
    call('HSET', key.api_keys, id, record)
else
    call('HSET', key.api_keys_revoked, id, now_ms)
end
call('SET', key.api_keys_version, time[1] .. '.' .. time[2])
call('XADD', key.audit_keys, 'MAXLEN', '~', AUDIT_KEPT, '*', 'key', id, 'who', who, 'time', now_ms, 'what', what)
return {'ok'}
