-- incident_indices.lua: where incidents are listed and counted, and which of them go when there are too many.

local call = redis.call
local min, insert = math.min, table.insert
local ipairs, pairs, tonumber, select = ipairs, pairs, tonumber, select

local EVICT_EXTRA = 32          -- incidents evicted beyond those that came

-- Of the present batch.
local index_add, index_remove   -- by sorted set
local to_delete                 -- ids

local function begin_batch()
    index_add, index_remove, to_delete = {}, {}, {}
end

-- An incident counts in the day it was first seen, by its present severity and status.
local function count_in_day(day, severity, status, amount)
    local hash = day and key.day:format(day)
    if not hash or not present.sums[hash] and not totals.knows(hash) then return end -- statistics are gone
    present.add(hash, day_field.INCIDENTS_SEVERITY:format(severity), amount)
    present.add(hash, day_field.INCIDENTS_STATUS:format(status), amount)
end

local function index(list, set, ...)
    local members = list[set]
    if not members then
        call('ZCARD', set) -- of another type it stops the batch here, before anything is written
        members = {}
        list[set] = members
    end
    for i = 1, select('#', ...) do insert(members, (select(i, ...))) end
end

local function leave_indices(id, severity, status, day)
    index(index_remove, key.incidents, id)
    if severity then
        index(index_remove, key.incidents_by:format(status, severity), id)
        count_in_day(day, severity, status, -1)
    end
end

-- Moves an incident to where it belongs after this batch.
local function move(incident)
    local was = incident.was
    local moved = was.severity ~= incident.severity or was.status ~= incident.status or
        was.day ~= incident.day or incident.merged_into
    if was.id and moved then
        leave_indices(was.id, was.severity, was.status, was.day)
    end
    if moved and not incident.merged_into then
        store.load_rest(incident)
        index(index_add, key.incidents, incident.number, incident.id)
        index(index_add, key.incidents_by:format(incident.status, incident.severity),
              incident.number, incident.id)
        count_in_day(incident.day, incident.severity, incident.status, 1)
    end
end

-- Closed incidents of the lowest numbers, up to `count`.
local function oldest_closed(count)
    local victims = {}
    for status, active in pairs(status_active) do
        for severity in pairs(severity_rank) do
            local set = key.incidents_by:format(status, severity)
            local oldest = active and {} or call('ZRANGE', set, 0, count - 1, 'WITHSCORES')
            for i = 1, #oldest, 2 do
                insert(victims, {id = oldest[i], number = tonumber(oldest[i + 1])})
            end
        end
    end
    table.sort(victims, function(a, b) return a.number < b.number end)
    for i = count + 1, #victims do victims[i] = nil end
    return victims
end

-- Evicts `count` incidents: closed ones first, then the lowest numbers; never one of this batch.
local function evict(count)
    local victims, taken = oldest_closed(count), {}
    for _, victim in ipairs(victims) do taken[victim.id] = true end
    if #victims < count then
        for _, id in ipairs(call('ZRANGE', key.incidents, 0, count + #store.list_touched())) do
            local incident = store.known(id)
            local is_ours = incident and incident.touched
            if #victims < count and not taken[id] and not is_ours then insert(victims, {id = id}) end
        end
    end
    for _, victim in ipairs(victims) do
        local name = key.incident:format(victim.id)
        local values = call('HMGET', name, 'severity', 'status', 'day')
        local held = store.changed_before(victim.id)
        if held then values = {held.severity, held.status, held.day} end
        leave_indices(victim.id, values[1], values[2], values[3])
        insert(to_delete, victim.id)
    end
    present.add(key.ledger, 'incidents_evicted', #victims)
end

local function make_room()
    local opened = store.count_opened()
    if opened > 0 then
        local over = call('ZCARD', key.incidents) + opened - present.incidents_max
        if over > 0 then evict(min(over, opened + EVICT_EXTRA)) end
        present.add(key.ledger, 'incidents', opened)
    end
end

local function write()
    for set, members in pairs(index_remove) do each_part(members, 'ZREM', set) end
    for set, members in pairs(index_add) do each_part(members, 'ZADD', set) end
    for _, id in ipairs(to_delete) do store.delete(id) end
end

return {begin_batch = begin_batch, move = move, make_room = make_room, write = write}
