-- status.lua: an analyst changes an incident's status, notes or resolution: one revision, with who and when. What
-- stands there already is no change: another's If-Match goes on holding.
--
--   ARGV     id, status, now_ms, who, revisions expected ("7 8", "none") or "", 1 and notes or 0 and "", 1 and resolution or
--            0 and ""; then the request's tag or "", its print, how long, how many and how many bytes of answers
--            are kept (idempotency_records.lua, which stands before this text, too). Before this text
--            status_script.c puts the tables key, day_field and incident_fields.
--   answer   {"not_found"}, {"conflict"}, {"other"}: the tag is another request's, or {"ok" (or "again"), value of
--            each of incident_fields, nil where none}
--
-- Sections 1 and 2 only read, 3 only writes, as in the commit's script. A merged incident stands for the
-- one it was merged into.

local call = redis.call
local id, status, now_ms, who, expected = unpack(ARGV, 1, 5)
local has_notes, notes, has_resolution, resolution = unpack(ARGV, 6, 9)
local tag, print, keep, kept, bytes_kept = unpack(ARGV, 10, 14)

local MERGES_MAX = 8
local AUDIT_KEPT = 100000

-- 0. Was it done before ------------------------------------------------------------------------------

if tag ~= '' then
    local before = idempotency.recall(tag, tonumber(keep))
    if before and (before.state ~= 'D' or before.code ~= 0 or before.print ~= print) then return {'other'} end
    if before then
        local again = cmsgpack.unpack(before.answer)
        again[1] = 'again'
        return again
    end
end

-- 1. Which incident ----------------------------------------------------------------------------------

local name, old_status, severity, revision, number, day, old_notes, old_resolution
for _ = 1, MERGES_MAX do
    name = key.incident:format(id)
    local values = call('HMGET', name, 'merged_into', 'status', 'severity', 'revision', 'number', 'day',
                        'analyst_notes', 'resolution')
    if not values[1] then
        old_status, severity, revision, number, day, old_notes, old_resolution = unpack(values, 2, 8)
        break
    end
    id = values[1]
end
if not old_status then return {'not_found'} end
if expected ~= '' and not (' ' .. expected .. ' '):find((' %d '):format(tonumber(revision)), 1, true) then return {'conflict'} end

-- 2. What changes ------------------------------------------------------------------------------------

local changes = {'status', status, 'revision', ('%d'):format(tonumber(revision) + 1)}
local what = {}
if status ~= old_status then table.insert(what, 'status ' .. old_status .. ' to ' .. status) end
local function change(field, given, value, old)
    if given ~= '1' or value == old then return end
    table.insert(changes, field)
    table.insert(changes, value)
    table.insert(what, field)
end
change('analyst_notes', has_notes, notes, old_notes)
change('resolution', has_resolution, resolution, old_resolution)

local day_counts = day and call('EXISTS', key.day:format(day)) == 1
call('XLEN', key.audit)
call('ZCARD', key.incidents_by:format(old_status, severity))
call('ZCARD', key.incidents_by:format(status, severity))

-- 3. Writing -----------------------------------------------------------------------------------------

if #what > 0 then call('HSET', name, unpack(changes)) end
if status ~= old_status then
    call('ZREM', key.incidents_by:format(old_status, severity), id)
    call('ZADD', key.incidents_by:format(status, severity), number, id)
    if day_counts then
        local hash = key.day:format(day)
        call('HINCRBY', hash, day_field.INCIDENTS_STATUS:format(old_status), -1)
        call('HINCRBY', hash, day_field.INCIDENTS_STATUS:format(status), 1)
    end
end
if #what > 0 then
    call('XADD', key.audit, 'MAXLEN', '~', AUDIT_KEPT, '*', 'incident', id, 'revision',
         ('%d'):format(tonumber(revision) + 1), 'who', who, 'time', now_ms, 'what', table.concat(what, ', '))
end

-- A nil would end the answer: the values follow one by one, false where there is none.
local answer = {'ok'}
for i, value in ipairs(call('HMGET', name, unpack(incident_fields))) do answer[i + 1] = value end
if tag ~= '' then
    idempotency.answer(tag, print, 0, cmsgpack.pack(answer), tonumber(keep), tonumber(kept), tonumber(bytes_kept))
end
return answer
