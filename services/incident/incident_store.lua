-- incident_store.lua: incidents as Redis has them, and as the batches of the call change them.
--
-- An incident is read when the first batch meets it and written once, by finish(). `was` is how it was before the
-- present batch, `stored` how Redis has it: what is written are the fields that differ.

local call = redis.call
local insert, concat = table.insert, table.concat
local ipairs, pairs, tonumber, unpack = ipairs, pairs, tonumber, unpack

local AUDIT_KEPT = 100000
local MERGED_KEPT_MS = 7 * 86400000  -- a merged incident still tells where it went

-- Of the present call.
local incidents                 -- by id; false when there is no such incident
local changed                   -- incidents to write, by id
local last_number, day_numbers  -- last_number: of incidents, before this batch
local has_audit, met_audit

-- Of the present batch.
local touched                   -- incidents, in order
local opened, days_numbered

local function begin_call()
    incidents, changed, touched = {}, {}, {}
    last_number, day_numbers, has_audit, met_audit = nil, {}, false, false
end

local function begin_batch()
    touched, opened, days_numbered = {}, 0, {}
end

-- The fields of an incident as they are.
local function copy_of(incident)
    local copy = {}
    for i = 1, #incident_fields do
        local field = incident_fields[i]
        copy[field] = incident[field]
    end
    return copy
end

-- An incident that an earlier batch changed is as that left it; others are read again.
local function undo()
    for _, incident in ipairs(touched) do
        if changed[incident.id] then
            for _, field in ipairs(incident_fields) do incident[field] = incident.was[field] end
            incident.rule_title, incident.last_rule = nil, nil
            incident.touched, incident.threats, incident.news = false, 0, {}
        else
            incidents[incident.id] = nil
        end
    end
    touched, day_numbers = {}, {}
end

-- Reads what every threat needs of its incident; the rest is read when it is needed (load_rest).
local function load(id)
    if incidents[id] == nil then
        local name = key.incident:format(id)
        local v = call('HMGET', name, 'status', 'severity', 'detection_count', 'first_seen', 'last_seen',
                       'description_at', 'source_ip', 'affected_user', 'rules', 'revision', 'day')
        if not v[1] then
            incidents[id] = false
        else
            local count, first, last = tonumber(v[3]), tonumber(v[4]), tonumber(v[5])
            local at, address, user = tonumber(v[6]), v[7] or nil, v[8] or nil
            local was = {
                id = id, status = v[1], severity = v[2], detection_count = count, first_seen = first,
                last_seen = last, description_at = at, source_ip = address, affected_user = user,
                rules = v[9], revision = tonumber(v[10]), day = v[11] or nil}
            incidents[id] = {
                id = id, name = name, status = v[1], severity = v[2], detection_count = count,
                first_seen = first, last_seen = last, description_at = at, source_ip = address,
                affected_user = user, rules = v[9], revision = tonumber(v[10]), day = v[11] or nil,
                threats = 0, touched = false, news = {},
                was = was, stored = was,
            }
        end
    end
    return incidents[id]
end

local function load_rest(incident)
    if incident.stored.id and not incident.number then
        local fields = {'number', 'description', 'tags', 'analyst_notes', 'resolution'}
        local values = call('HMGET', incident.name, unpack(fields))
        values[1] = tonumber(values[1])
        for i, field in ipairs(fields) do
            if incident[field] == nil then
                incident[field] = values[i] or nil
            end
            incident.stored[field] = values[i] or nil
            if incident.was[field] == nil then incident.was[field] = values[i] or nil end
        end
    end
    return incident
end

-- Before anything of it changes.
local function touch(incident)
    if not incident.touched then
        incident.touched = true
        if changed[incident.id] then incident.was = copy_of(incident) end
        insert(touched, incident)
    end
end

-- A new one, for a threat.
local function open(threat)
    local time, span = present.times[threat], present.spans[threat]
    local day = present.days[present.threat_days[threat]][1]
    local number = day_numbers[day] or
        tonumber(call('GET', key.day_incident_number:format(day)) or 0)
    day_numbers[day], days_numbered[day] = number + 1, true
    last_number = last_number or tonumber(call('HGET', key.ledger, 'incidents') or 0)
    opened = opened + 1
    local id = ('INC-%s-%04d'):format(day, number + 1)
    call('HLEN', key.incident:format(id)) -- is no key of another type
    local incident = {
        id = id, name = key.incident:format(id), number = last_number + opened, day = day,
        event_type = present.types[threat], severity = present.severities[threat], status = 'detected',
        description = present.details[threat], description_at = span and span.at or time,
        detection_count = 0, first_seen = time, last_seen = time, rules = '[]', tags = '[]', revision = 0,
        alert = 'not_configured', threats = 0, touched = false, news = {'opened'}, was = {}, stored = {},
    }
    incidents[id] = incident
    return incident
end

-- How many this batch opened.
local function count_opened()
    return opened
end

-- Those that this batch changes, in order.
local function list_touched()
    return touched
end

-- Before anything is written to it.
local function meet_audit()
    if not met_audit then call('XLEN', key.audit) end
    met_audit = true
end

-- As it is known, if it is; and as an earlier batch left it.
local function known(id)
    return incidents[id]
end

local function changed_before(id)
    return changed[id]
end

-- The one it was merged into, in the end.
local function stands_for(incident)
    while incident.merged_into do incident = incidents[incident.merged_into] end
    return incident
end

local function delete(id)
    call('DEL', key.incident:format(id))
    incidents[id], changed[id] = nil, nil
end

-- What a batch came to is what the next one finds.
local function settle(incident)
    changed[incident.id] = incident
    incident.touched, incident.threats, incident.last_rule = false, 0, nil
    if incident.merged_into then incidents[incident.id] = nil end
    if #incident.news > 0 then
        call('XADD', key.audit, '*', 'incident', incident.id, 'revision', incident.revision,
             'who', 'pipeline', 'time', present.now_ms, 'what', concat(incident.news, ', '))
        incident.news, has_audit = {}, true
    end
end

local function settle_all()
    for _, incident in ipairs(touched) do settle(incident) end
    touched = {}
end

local function write_numbers()
    if opened > 0 then last_number = last_number + opened end
    for day in pairs(days_numbered) do call('SET', key.day_incident_number:format(day), day_numbers[day]) end
end

local function write_incident(incident)
    local stored, changes, n = incident.stored, {}, 0
    for i = 1, #incident_fields do
        local field = incident_fields[i]
        local value = incident[field]
        if value ~= stored[field] then
            changes[n + 1], changes[n + 2] = field, value
            n = n + 2
        end
    end
    if n > 0 then call('HSET', incident.name, unpack(changes)) end
    if incident.merged_into then call('PEXPIRE', incident.name, MERGED_KEPT_MS) end
end

local function finish()
    for _, incident in pairs(changed) do write_incident(incident) end
    if has_audit then call('XTRIM', key.audit, 'MAXLEN', '~', AUDIT_KEPT) end
end

return {begin_call = begin_call, begin_batch = begin_batch, undo = undo, load = load, load_rest = load_rest,
        touch = touch, open = open, meet_audit = meet_audit, count_opened = count_opened,
        list_touched = list_touched, known = known, changed_before = changed_before, stands_for = stands_for,
        delete = delete, settle_all = settle_all, write_numbers = write_numbers, finish = finish}
