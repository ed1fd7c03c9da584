-- commit_incidents.lua: the threats of a batch, each into its incident, for commit.lua.
--
-- take(commit) reads and computes, write() writes. What is stored of an incident never depends on the order
-- in which threats arrive, ids, revisions and alerts aside. begin(limits) starts a call; incidents and their
-- episodes are read when the first batch meets them and written once, by finish(), with what else the batches of
-- the call list together. After a batch that failed undo() puts them back to what the one before it left.
--
-- commit   of commit.lua: the batch, what is summed up, and correlated, what correlations came to, with the
--          threats they added
-- answer   of take(): {index, incident id, 1 when an alert was queued, topic, body, ...}, the last seq of the
--          publisher, and what to tell of correlated events

local call, pack = redis.call, cmsgpack.pack
local min, max = math.min, math.max
local insert, remove, concat = table.insert, table.remove, table.concat
local ipairs, pairs, tonumber, unpack, type = ipairs, pairs, tonumber, unpack, type

local EPISODES_MAX = 64         -- of one kind, open at a time
local RULES_MAX = 64            -- of an incident; the smallest ids stay
local OUTBOX_MAX = 100000
local EVICT_EXTRA = 32          -- incidents evicted beyond those that came
local COUNT_MAX = 9007199254740991
local COUNT_SCALE = 1099511627776 -- 2^40: above any count
local TIMELINE_KEPT = 10000     -- newest threats
local TOP_THREATS = 10          -- gravest threats of a day
local AUDIT_KEPT = 100000
local MERGED_KEPT_MS = 7 * 86400000  -- a merged incident still tells where it went
local PUBLISHER_KEPT_S = 86400

-- Of the present call, and its limits.
local publisher, window_ms, lateness_ms, incidents_max, threats_kept
local incidents                 -- by id; false when there is no such incident
local kinds                     -- by hash: a list of episodes, and how much longer it is kept (kept_ms)
local changed                   -- incidents to write, by id
local changed_kinds             -- the same, by hash
local has_channels, outbox_length
local last_number, day_numbers  -- last_number: of incidents, before this batch
local seq_written, wrote_seq    -- the publisher's last, as it is now; true: it has changed
local timeline                  -- scores and members
local tops                      -- by set: the same, and up to where they reach
local has_audit, is_checked

-- Of the present batch; take() makes them anew.
local add, sums, days, rules, now_ms
local touched                   -- incidents, in order
local met                       -- kinds of its threats by hash, as they were before it
local index_add, index_remove   -- by sorted set
local to_delete, outbox, alerts -- to_delete: ids
local answers, publisher_seq
local opened, days_numbered
local listed                    -- scores and members for the timeline
local topped                    -- sets, scores and members for the gravest of a day
local united                    -- arrays of rules, by the two they are made of
local joined, changes, queued, severity_after, count_after -- of each threat, see join()

-- A threat is a place in these columns; false: absent. Spans, of threats that correlations add: when it was
-- first so, and the last time.
local indices, times, counts, severities, types, hashes, details, addresses, users, titles, title_names,
    rule_lists, threat_days, event_ids, topics, heads
local spans, correlated

-- The fields of an incident as they are.
local function copy_of(incident)
    local copy = {}
    for i = 1, #incident_fields do
        local field = incident_fields[i]
        copy[field] = incident[field]
    end
    return copy
end

local function begin(limits)
    publisher, window_ms, lateness_ms = limits.publisher, limits.window_ms, limits.lateness_ms
    incidents_max, threats_kept = limits.incidents_max, limits.threats_kept
    incidents, kinds, changed, changed_kinds = {}, {}, {}, {}
    has_channels, outbox_length, last_number, day_numbers = nil, nil, nil, {}
    seq_written, wrote_seq, timeline, tops, has_audit, is_checked = nil, false, {}, {}, false, false
    touched, met = {}, {}
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
    for hash, kind in pairs(met) do kinds[hash] = changed_kinds[hash] and kind or nil end
    touched, met = {}, {}
    has_channels, outbox_length, day_numbers = nil, nil, {}
end

local function begin_batch(commit)
    add, sums, days, rules, now_ms = commit.add, commit.sums, commit.days, commit.rules, commit.now_ms
    spans, correlated = commit.spans, commit.correlated
    touched, met, index_add, index_remove = {}, {}, {}, {}
    to_delete, outbox, alerts, opened, days_numbered = {}, {}, {}, 0, {}
    answers, publisher_seq, listed, topped, united = {}, nil, {}, {}, {}
    joined, changes, queued, severity_after, count_after = {}, {}, {}, {}, {}
    indices, times, counts, severities, types, hashes, details, addresses, users, titles, title_names,
        rule_lists, threat_days, event_ids, topics, heads = unpack(commit.threats, 1, 16)
end

-- The last seq of the publisher; seq_known: what it knows of itself.
local function last_seq(seq_known)
    seq_written = seq_written or tonumber(call('GET', key.publisher:format(publisher)) or 0)
    return max(seq_written, seq_known)
end

-- 1. Incidents and their episodes ------------------------------------------------------------------------

-- Bytes decide; Lua's own < follows the server's locale.
local function precedes(a, b)
    local i = 1
    while true do
        local x, y = a:byte(i), b:byte(i)
        if x ~= y then return (x or -1) < (y or -1) end
        if not x then return false end
        i = i + 1
    end
end

local function smaller(a, b)
    if not a or not b or a == b then return a or b or nil end
    return precedes(a, b) and a or b
end

-- An incident counts in the day it was first seen, by its present severity and status.
local function count_in_day(day, severity, status, amount)
    local hash = day and key.day:format(day)
    if not hash or not sums[hash] and not totals.knows(hash) then return end -- statistics are gone
    add(hash, day_field.INCIDENTS_SEVERITY:format(severity), amount)
    add(hash, day_field.INCIDENTS_STATUS:format(status), amount)
end

local function index(list, set, ...)
    local members = list[set]
    if not members then
        members = {}
        list[set] = members
    end
    for i = 1, select('#', ...) do insert(members, (select(i, ...))) end
end

-- Reads what every threat needs of its incident; the rest is read when it is needed (load_rest). `was` is how it
-- was before this batch, `stored` how Redis has it: what is written are the fields that differ.
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

local function open(threat)
    local time = times[threat]
    local day = days[threat_days[threat]][1]
    local number = day_numbers[day] or
        tonumber(call('GET', key.day_incident_number:format(day)) or 0)
    day_numbers[day], days_numbered[day] = number + 1, true
    last_number = last_number or tonumber(call('HGET', key.ledger, 'incidents') or 0)
    opened = opened + 1
    local id = ('INC-%s-%04d'):format(day, number + 1)
    local incident = {
        id = id, name = key.incident:format(id), number = last_number + opened, day = day,
        event_type = types[threat], severity = severities[threat], status = 'detected',
        description = details[threat], description_at = spans[threat] and spans[threat].at or time,
        detection_count = 0, first_seen = time, last_seen = time, rules = '[]', tags = '[]', revision = 0,
        alert = 'not_configured', threats = 0, touched = false, news = {'opened'}, was = {}, stored = {},
    }
    incidents[id] = incident
    return incident
end

-- The members of a JSON array of rules. Each begins with {"id": and a quote inside of a JSON text is
-- escaped, so the separator can only stand between two of them.
local function each_rule(json, put)
    local inside, from = json:sub(2, -2), 1
    while from <= #inside do
        local cut = inside:find('},{"id":', from, true)
        put(inside:sub(from, cut or #inside))
        from = cut and cut + 2 or #inside + 1
    end
end

-- Two arrays of rules as one, by id, with the tags of all and the title of the gravest.
local function unite(a, b)
    local memo = a .. b
    if united[memo] then return united[memo] end
    local by_id, ids = {}, {}
    local function put(json)
        local rule = cjson.decode(json)
        local held = by_id[rule.id]
        if not held then insert(ids, rule.id) end
        if not held or precedes(held.json, json) then
            rule.json = json
            by_id[rule.id] = rule
        end
    end
    each_rule(a, put)
    each_rule(b, put)
    table.sort(ids, precedes)
    local texts, tags, seen, title, level = {}, {}, {}, 'unknown', -1
    for i = 1, min(#ids, RULES_MAX) do
        local rule = by_id[ids[i]]
        texts[i] = rule.json
        if severity_rank[rule.level] > level then
            title, level = rule.title, severity_rank[rule.level]
        end
        for _, tag in ipairs(rule.tags) do
            if not seen[tag] then
                seen[tag] = true
                insert(tags, tag)
            end
        end
    end
    table.sort(tags, precedes)
    for i, tag in ipairs(tags) do tags[i] = cjson.encode(tag) end
    local result = {rules = '[' .. concat(texts, ',') .. ']',
                    tags = '[' .. concat(tags, ',') .. ']', title = title}
    united[memo] = result
    return result
end

local function take_rules(incident, json)
    local union = unite(incident.rules, json)
    incident.rules, incident.tags, incident.rule_title = union.rules, union.tags, union.title
end

local function take_rule(incident, number)
    if incident.last_rule ~= number and not incident.rules:find(rules[number], 1, true) then
        take_rules(incident, '[' .. rules[number] .. ']')
    end
    incident.last_rule = number
end

local function title_of(incident, threat)
    local title_name = title_names[threat]
    if title_name == 'rule' then
        return incident.rule_title or unite(incident.rules, '[]').title
    end
    local name = incident.affected_user
    if title_name == 'address' then name = incident.source_ip end
    return titles[threat] .. (name or 'unknown')
end

-- Takes a description over when it goes before the incident's, and the severity with it.
local function take_description(incident, severity, at, text)
    local a, b = severity_rank[severity], severity_rank[incident.severity]
    if a < b or (a == b and at > incident.description_at) then return end
    if a == b and at == incident.description_at then
        local held = load_rest(incident).description
        if text == held or precedes(held, text) then return end
    end
    incident.severity, incident.description, incident.description_at = severity, text, at
end

local function take_times(incident, first, day, last, count)
    if first < incident.first_seen then incident.first_seen, incident.day = first, day end
    if last > incident.last_seen then incident.last_seen = last end
    incident.detection_count = min(incident.detection_count + count, COUNT_MAX)
end

local function absorb(incident, threat)
    local time, list, span = times[threat], rule_lists[threat], spans[threat]
    touch(incident)
    take_description(incident, severities[threat], span and span.at or time, details[threat])
    take_times(incident, time, days[threat_days[threat]][1], span and span.to or time, counts[threat])
    incident.source_ip = smaller(incident.source_ip, addresses[threat])
    incident.affected_user = smaller(incident.affected_user, users[threat])
    if type(list) == 'number' then
        take_rule(incident, list)
    else
        for _, rule in ipairs(list) do take_rule(incident, rule) end
    end
    incident.threats = incident.threats + 1
    incident.threat = threat -- any one of its kind: the title is made the same way for all
end

local function join_notes(a, b)
    if not a or a == '' or not b or b == '' then return (a and a ~= '') and a or b end
    return a .. '\n' .. b
end

-- `other` turned out to be part of `incident`.
local function merge(incident, other)
    load_rest(incident)
    load_rest(other)
    touch(incident)
    touch(other)
    take_description(incident, other.severity, other.description_at, other.description)
    take_times(incident, other.first_seen, other.day, other.last_seen, other.detection_count)
    incident.source_ip = smaller(incident.source_ip, other.source_ip)
    incident.affected_user = smaller(incident.affected_user, other.affected_user)
    incident.analyst_notes = join_notes(incident.analyst_notes, other.analyst_notes)
    incident.resolution = join_notes(incident.resolution, other.resolution)
    if status_rank[other.status] > status_rank[incident.status] then
        incident.status = other.status
    end
    take_rules(incident, other.rules)
    other.merged_into = incident.id
    insert(incident.news, 'absorbed ' .. other.id)
    insert(other.news, 'merged into ' .. incident.id)
    add(key.ledger, 'incidents_merged', 1)
end

-- Episodes of a kind stand one behind the other: first, last, id.
local function remove_episode(list, at)
    for _ = 1, 3 do remove(list, at) end
end

-- Places of the episodes that a threat from `first` to `last` belongs to; forgets those whose incident
-- is gone.
local function episodes_at(list, first, last)
    local found, at = {}, 1
    while at <= #list do
        local incident = nil
        if last >= list[at] - window_ms and first <= list[at + 1] + window_ms then
            incident = load(list[at + 2])
        end
        if incident == false then
            remove_episode(list, at)
        else
            if incident and status_active[incident.status] then insert(found, at) end
            at = at + 3
        end
    end
    return found
end

-- Makes one episode of several: the earliest stays; its place is returned.
local function unite_episodes(list, found)
    local stays = found[1]
    for i = 2, #found do
        local at = found[i]
        if list[at] < list[stays] or
            (list[at] == list[stays] and
             load_rest(load(list[at + 2])).number < load_rest(load(list[stays + 2])).number) then
            stays = at
        end
    end
    for i = #found, 1, -1 do
        local at = found[i]
        if at ~= stays then
            list[stays] = min(list[stays], list[at])
            list[stays + 1] = max(list[stays + 1], list[at + 1])
            merge(load(list[stays + 2]), load(list[at + 2]))
            remove_episode(list, at)
            if at < stays then stays = stays - 3 end
        end
    end
    return stays
end

local function add_episode(list, first, last, id)
    local place = #list
    list[place + 1], list[place + 2], list[place + 3] = first, last, id
    if #list > EPISODES_MAX * 3 then
        local oldest = 1
        for at = 4, #list, 3 do
            if list[at + 1] < list[oldest + 1] then oldest = at end
        end
        remove_episode(list, oldest)
        add(key.ledger, 'episodes_evicted', 1)
    end
end

-- The incident of a threat, and whether it was opened for it.
local function find_or_open(threat)
    local span = spans[threat]
    if window_ms == 0 and not span then return open(threat), true end
    local hash, first = hashes[threat], times[threat]
    local last = span and span.to or first
    local list = kinds[hash]
    if not list then
        local stored = call('GET', key.episode:format(hash))
        local longer
        list = {}
        if stored then list, longer = cmsgpack.unpack(stored) end
        list.kept_ms, kinds[hash] = longer, list
    end
    if not met[hash] then
        met[hash] = {unpack(list)}
        met[hash].kept_ms = list.kept_ms
    end
    if span then list.kept_ms = max(list.kept_ms or 0, span.kept_ms) end
    local found = episodes_at(list, first, last)
    if #found == 0 then
        local incident = open(threat)
        add_episode(list, first, last, incident.id)
        return incident, true
    end
    local at = #found == 1 and found[1] or unite_episodes(list, found)
    list[at], list[at + 1] = min(list[at], first), max(list[at + 1], last)
    return load(list[at + 2]), false
end

local function queue_alert(change, incident, threat)
    if has_channels == nil then
        has_channels = call('HLEN', key.channels) > 0
        outbox_length = call('XLEN', key.outbox)
    end
    if not has_channels then
        incident.alert = 'not_configured'
        add(key.ledger, 'alerts_not_configured', 1)
        return false
    end
    if outbox_length >= OUTBOX_MAX then
        incident.alert = 'dropped'
        add(key.ledger, 'alerts_dropped', 1)
        return false
    end
    outbox_length = outbox_length + 1
    incident.alert = 'queued'
    add(key.ledger, 'alerts_queued', 1)
    insert(alerts, {change = change, incident = incident, severity = incident.severity,
                    title = title_of(incident, threat), threat = threat})
    return true
end

-- Of each threat: its incident, what it did to it, and how that stood afterwards.
local function join()
    for threat = 1, #indices do
        local incident, is_new = find_or_open(threat)
        local before, change = incident.severity, 'repeated'
        absorb(incident, threat)
        if is_new then
            change = 'opened'
        elseif incident.severity ~= before then
            change = 'escalated'
            insert(incident.news, 'severity ' .. before .. ' to ' .. incident.severity)
        end
        queued[threat] = change ~= 'repeated' and queue_alert(change, incident, threat)
        joined[threat], changes[threat] = incident, change
        severity_after[threat], count_after[threat] = incident.severity, incident.detection_count
    end
end

-- 2. What follows from the threats: indices, days, alerts, messages ---------------------------------------

local function stands_for(incident)
    while incident.merged_into do incident = incidents[incident.merged_into] end
    return incident
end

local function leave_indices(id, severity, status, day)
    index(index_remove, key.incidents, id)
    if severity then
        index(index_remove, key.incidents_by:format(status, severity), id)
        count_in_day(day, severity, status, -1)
    end
end

-- A threat that only repeats moves the count and the times, and is no revision: an analyst who read the
-- incident may still change it (If-Match), and the audit trail keeps what matters.
local function revise()
    for _, incident in ipairs(touched) do
        local was = incident.was
        if was.rules and incident.rules ~= was.rules then insert(incident.news, 'rules') end
        if #incident.news > 0 then incident.revision = incident.revision + 1 end
        if incident.first_seen ~= was.first_seen then incident.timestamp = incident.first_seen end
        if incident.threats > 0 then
            if incident.source_ip ~= was.source_ip or incident.affected_user ~= was.affected_user or
                incident.rules ~= was.rules then
                incident.title = title_of(incident, incident.threat)
            end
        end
        local moved = was.severity ~= incident.severity or was.status ~= incident.status or
            was.day ~= incident.day or incident.merged_into
        if was.id and moved then
            leave_indices(was.id, was.severity, was.status, was.day)
        end
        if moved and not incident.merged_into then
            load_rest(incident)
            index(index_add, key.incidents, incident.number, incident.id)
            index(index_add, key.incidents_by:format(incident.status, incident.severity),
                  incident.number, incident.id)
            count_in_day(incident.day, incident.severity, incident.status, 1)
        end
    end
end

-- Evicts `count` incidents: closed ones first, then the lowest numbers; never one of this batch.
local function evict(count)
    local victims, taken = {}, {}
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
    for _, victim in ipairs(victims) do taken[victim.id] = true end
    if #victims < count then
        for _, id in ipairs(call('ZRANGE', key.incidents, 0, count + #touched)) do
            local is_ours = incidents[id] and incidents[id].touched
            if #victims < count and not taken[id] and not is_ours then insert(victims, {id = id}) end
        end
    end
    for _, victim in ipairs(victims) do
        local name = key.incident:format(victim.id)
        local values = call('HMGET', name, 'severity', 'status', 'day')
        local held = changed[victim.id]
        if held then values = {held.severity, held.status, held.day} end
        leave_indices(victim.id, values[1], values[2], values[3])
        insert(to_delete, victim.id)
    end
    add(key.ledger, 'incidents_evicted', #victims)
end

local function make_room()
    if opened > 0 then
        local over = call('ZCARD', key.incidents) + opened - incidents_max
        if over > 0 then evict(min(over, opened + EVICT_EXTRA)) end
        add(key.ledger, 'incidents', opened)
    end
end

local SEQ, INCIDENT, COUNT = pack('seq'), pack('incident_id'), pack('detection_count')
local packed_change, packed_severity = {}, {}
for _, change in ipairs({'opened', 'escalated', 'repeated'}) do
    packed_change[change] = pack('change', change)
end
for severity in pairs(severity_rank) do
    packed_severity[severity] = pack('incident_severity', severity)
end
local packed_queued = {[true] = pack('alert_queued', true), [false] = pack('alert_queued', false)}

-- A threat's message: a map whose head and first pairs are known before the commit; these follow.
local function write_messages(seq_known)
    publisher_seq = last_seq(seq_known)
    local n = 0
    for threat = 1, #indices do
        local incident = stands_for(joined[threat])
        local head = heads[threat] or correlated.head(threat)
        publisher_seq = publisher_seq + 1
        incident.packed_id = incident.packed_id or INCIDENT .. pack(incident.id)
        answers[n + 1], answers[n + 2] = indices[threat], incident.id
        answers[n + 3], answers[n + 4] = queued[threat] and 1 or 0, topics[threat]
        answers[n + 5] = head .. packed_change[changes[threat]] ..
            packed_severity[severity_after[threat]] .. packed_queued[queued[threat]] ..
            incident.packed_id .. SEQ .. pack(publisher_seq) .. COUNT .. pack(count_after[threat])
        n = n + 5
    end
end

-- What the reports list of a threat is its message, behind its time and its id: so equal scores stand
-- in the order of time whatever came first.
local function member_of(threat)
    return ('%015d %s '):format(times[threat], event_ids[threat]) .. answers[5 * threat]
end

-- The gravest threats of a day: what those of this call are put to, and the place of the last member that
-- stays, its score and its time.
local function top_of(day)
    local set = key.day_top_threats:format(day[1])
    if not tops[set] then
        local last = call('ZRANGE', set, TOP_THREATS - 1, TOP_THREATS - 1, 'WITHSCORES')
        tops[set] = {expire_at = day[2], score = tonumber(last[2] or 'inf'),
                     time = last[1] and tonumber(last[1]:sub(1, 15)) or 0}
    end
    return tops[set]
end

local function list_for_reports()
    local n, m = 0, 0
    for threat = 1, #indices do
        local top = top_of(days[threat_days[threat]])
        local score = -severity_rank[severities[threat]] * COUNT_SCALE - min(counts[threat], COUNT_SCALE - 1)
        local member = member_of(threat)
        listed[n + 1], listed[n + 2] = times[threat], member
        n = n + 2
        if score < top.score or (score == top.score and times[threat] <= top.time) then
            topped[m + 1], topped[m + 2], topped[m + 3] = top, score, member
            m = m + 3
        end
    end
end

local function write_alerts()
    for i, alert in ipairs(alerts) do
        local threat = alert.threat
        local entry = {'kind', alert.change, 'incident_id', stands_for(alert.incident).id,
                       'severity', alert.severity, 'event_type', types[threat], 'title', alert.title,
                       'details', details[threat], 'event_id', event_ids[threat], 'time_ms', times[threat]}
        if addresses[threat] then
            insert(entry, 'source_ip')
            insert(entry, addresses[threat])
        end
        if users[threat] then
            insert(entry, 'user')
            insert(entry, users[threat])
        end
        outbox[i] = entry
    end
end

local function incident_of(threat)
    return stands_for(joined[threat])
end

-- What is written to below must be what it should be.
local function check()
    call('ZCARD', key.timeline)
    call('XLEN', key.threats)
    call('XLEN', key.audit)
    call('ZCARD', key.incidents)
    is_checked = true
end

local function take(commit)
    begin_batch(commit)
    join()
    revise()
    make_room()
    write_messages(commit.seq_known)
    list_for_reports()
    write_alerts()
    if not is_checked then check() end
    return answers, publisher_seq, correlated and correlated.answers(incident_of, queued) or {}
end

-- 3. Writing ---------------------------------------------------------------------------------------------

-- What a batch came to is what the next one finds.
local function settle(incident)
    changed[incident.id] = incident
    incident.touched, incident.threats, incident.last_rule = false, 0, nil
    if incident.merged_into then incidents[incident.id] = nil end
    if #incident.news > 0 then
        call('XADD', key.audit, '*', 'incident', incident.id, 'revision', incident.revision,
             'who', 'pipeline', 'time', now_ms, 'what', concat(incident.news, ', '))
        incident.news, has_audit = {}, true
    end
end

local function write_threats()
    local seq = publisher_seq - #indices
    for i = 5, #answers, 5 do
        seq = seq + 1
        call('XADD', key.threats, '*', 'publisher', publisher, 'seq', seq, 'topic', answers[i - 1],
             'body', answers[i])
    end
    seq_written, wrote_seq = publisher_seq, true
    local n = #timeline
    for i = 1, #listed do timeline[n + i] = listed[i] end
    for i = 1, #topped, 3 do
        insert(topped[i], topped[i + 1])
        insert(topped[i], topped[i + 2])
    end
end

local function write()
    for _, incident in ipairs(touched) do settle(incident) end
    for hash in pairs(met) do changed_kinds[hash] = true end
    for set, members in pairs(index_remove) do each_part(members, 'ZREM', set) end
    for set, members in pairs(index_add) do each_part(members, 'ZADD', set) end
    for _, id in ipairs(to_delete) do
        call('DEL', key.incident:format(id))
        incidents[id], changed[id] = nil, nil
    end
    if opened > 0 then last_number = last_number + opened end
    for day in pairs(days_numbered) do call('SET', key.day_incident_number:format(day), day_numbers[day]) end
    for _, entry in ipairs(outbox) do call('XADD', key.outbox, '*', unpack(entry)) end
    write_threats()
    touched, met = {}, {}
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

local function write_episodes(hash)
    local list = kinds[hash]
    local longer = list.kept_ms or 0
    list.kept_ms = nil -- packed beside the list
    call('SET', key.episode:format(hash), pack(list, longer), 'PX', max(1, window_ms + lateness_ms + longer))
end

local function finish()
    for _, incident in pairs(changed) do write_incident(incident) end
    for hash in pairs(changed_kinds) do write_episodes(hash) end
    if has_audit then call('XTRIM', key.audit, 'MAXLEN', '~', AUDIT_KEPT) end
    if not wrote_seq then return end
    call('SET', key.publisher:format(publisher), seq_written, 'EX', PUBLISHER_KEPT_S)
    call('XTRIM', key.threats, 'MAXLEN', '~', threats_kept)
    each_part(timeline, 'ZADD', key.timeline)
    call('ZREMRANGEBYRANK', key.timeline, 0, -1 - TIMELINE_KEPT)
    for set, top in pairs(tops) do
        if #top > 0 then
            each_part(top, 'ZADD', set)
            call('ZREMRANGEBYRANK', set, TOP_THREATS, -1)
            call('EXPIREAT', set, top.expire_at)
        end
    end
end

return {begin = begin, take = take, write = write, undo = undo, finish = finish, last_seq = last_seq}
