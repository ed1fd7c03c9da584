-- incident_alerts.lua: alerts for incidents that open or become graver, on their way to the outbox.

local call, insert, ipairs, unpack = redis.call, table.insert, ipairs, unpack

local OUTBOX_MAX = 100000

local has_channels, outbox_length -- of the present call; nil: not asked
local alerts                    -- of the present batch

local function begin_call()
    has_channels, outbox_length = nil, nil
end

local function begin_batch()
    alerts = {}
end

-- Queues one when there is a channel and room; whether it did.
local function queue(change, incident, threat)
    if has_channels == nil then
        has_channels = call('HLEN', key.channels) > 0
        outbox_length = call('XLEN', key.outbox)
    end
    if not has_channels then
        incident.alert = 'not_configured'
        present.add(key.ledger, 'alerts_not_configured', 1)
        return false
    end
    if outbox_length >= OUTBOX_MAX then
        incident.alert = 'dropped'
        present.add(key.ledger, 'alerts_dropped', 1)
        return false
    end
    outbox_length = outbox_length + 1
    incident.alert = 'queued'
    present.add(key.ledger, 'alerts_queued', 1)
    insert(alerts, {change = change, incident = incident, severity = incident.severity,
                    title = joining.title_of(incident, threat), threat = threat})
    return true
end

local function entry_of(alert)
    local threat = alert.threat
    local entry = {'kind', alert.change, 'incident_id', store.stands_for(alert.incident).id,
                   'severity', alert.severity, 'event_type', present.types[threat], 'title', alert.title,
                   'details', present.details[threat], 'event_id', present.event_ids[threat],
                   'time_ms', present.times[threat]}
    if present.addresses[threat] then
        insert(entry, 'source_ip')
        insert(entry, present.addresses[threat])
    end
    if present.users[threat] then
        insert(entry, 'user')
        insert(entry, present.users[threat])
    end
    return entry
end

-- Makes the entries, once it is known which incidents stand; before anything is written.
local function prepare()
    for i, alert in ipairs(alerts) do alerts[i] = entry_of(alert) end
end

local function write()
    for _, entry in ipairs(alerts) do call('XADD', key.outbox, '*', unpack(entry)) end
end

return {begin_call = begin_call, begin_batch = begin_batch, queue = queue, prepare = prepare, write = write}
