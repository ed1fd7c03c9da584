-- commit.lua: commits one batch, exactly once. The only writer of counters, incidents and outbox.
--
--   ARGV[1] the batch, ARGV[2] the limits: MessagePack arrays packed by commit_pack.c, in the order of the
--           names below. Before this text commit_script.c puts the tables key, day_field, incident_fields,
--           severity_rank, status_rank and status_active, expanded from proto/*.def.
--   answer  {state, floor}, and for a committed batch with threats {"ok", floor, last seq of this publisher,
--           {index, incident id, 1 when an alert was queued, topic, body, ...}, {index, group, incident id, 1
--           when an alert was queued, ...}}: threats, and events that correlations made threats. The index of
--           a threat of a correlation is -1. A duplicate that was sent before (its answer got lost) has parts
--           3 and 4 as well, unless it contributes, and as long as the stream holds them.
--   states  "ok", "duplicate", "ahead", "full": reasons of status.def. All but "ok" change nothing.
--
-- Lua has no rollback: sections 1 to 5 only read and compute (and so meet a key of a wrong type before
-- anything is written), section 6 only writes. What is stored of an incident never depends on the order in
-- which threats arrive, ids, revisions and alerts aside.

local call, pack = redis.call, cmsgpack.pack
local floor_of, min, max = math.floor, math.min, math.max
local insert, remove, concat = table.insert, table.remove, table.concat
local ipairs, pairs, tonumber, unpack, type = ipairs, pairs, tonumber, unpack, type

local AHEAD_MAX, PAGE_BITS = DEDUP_AHEAD_MAX, DEDUP_PAGE_BITS
local LANES_MAX = 100000        -- (producer, epoch) pairs known, and producers
local RULES_COUNTED_MAX = 100000
local FIELDS_AT_ONCE = 1000     -- below Lua's bound of arguments
local QUARANTINE_KEPT = 10000
local RECALL_PAGE = 256         -- threats read at a time for an answer that got lost,
local RECALL_PAGES = 64         -- and how often
local TIMELINE_KEPT = 10000     -- newest threats
local WEEK_DAYS = 7
local WEEK_KEPT_S = 2 * 86400   -- week.lua makes it anew every day
local TOP_THREATS = 10          -- gravest threats of a day

local batch = cmsgpack.unpack(ARGV[1])
local lane, seq, now_ms, accepted, seq_known, kept_from, was_sent = unpack(batch, 1, 7)
local ledger_fields, ledger_amounts, days, rule_ids, rule_hits = unpack(batch, 8, 12)
local quarantined, rules, threats, contributions = unpack(batch, 13, 16)
local limits = cmsgpack.unpack(ARGV[2])
local publisher, window_ms, lateness_ms, incidents_max, threats_kept, names_max, statistics_days,
    correlation_groups_max = unpack(limits, 1, 8)

-- 1. Is the batch new? ------------------------------------------------------------------------------

-- Without a lane it is no batch: correlations that waited are judged.
local known, closed = '0', nil
if lane then
    local floors = call('HMGET', key.floors, lane, lane:sub(1, 16))
    known, closed = floors[1], tonumber(floors[2] or 0) > tonumber(lane:sub(18))
end
local stored_floor = tonumber(known or 0)
local floor = stored_floor

local function page_of(number)
    return key.dedup:format(lane, ('%d'):format(floor_of(number / PAGE_BITS)))
end

-- The first number from `number` on that is not committed.
local function first_open(number)
    while true do
        local page, bit = page_of(number), number % PAGE_BITS
        if call('GETBIT', page, bit) == 0 then return number end
        local open = call('BITPOS', page, 0, bit, -1, 'BIT')
        if open < 0 then open = call('STRLEN', page) * 8 end
        number = number - bit + open
        if open < PAGE_BITS then return number end
    end
end

-- The threats of this batch as an earlier commit left them in the stream, as the answer lists them; nil
-- when not all are found.
local function recall()
    local indices, places, left, answers, from = threats[1], {}, #threats[1], {}, '+'
    local id_begins = ('%s-%d.'):format(lane, seq)
    for i, event_id in ipairs(threats[14]) do places[event_id] = i end
    for _ = 1, left > 0 and RECALL_PAGES or 0 do
        for _, entry in ipairs(call('XREVRANGE', key.threats, from, '-', 'COUNT', RECALL_PAGE)) do
            local topic, body = entry[2][6], entry[2][8]
            local threat = body:find(id_begins, 1, true) and cmsgpack.unpack(body)
            local place = threat and places[threat.event_id]
            if place then
                local n = 5 * (place - 1)
                answers[n + 1], answers[n + 2] = indices[place], threat.incident_id
                answers[n + 3], answers[n + 4] = threat.alert_queued and 1 or 0, topic
                answers[n + 5] = body
                places[threat.event_id], left = nil, left - 1
            end
            from = '(' .. entry[1]
        end
        if left == 0 then break end
    end
    return left == 0 and answers or nil
end

-- What contributions came to is not found again.
local function duplicate()
    local answers = was_sent and not contributions and recall()
    if not answers then return {'duplicate', floor} end
    local last = max(tonumber(call('GET', key.publisher:format(publisher)) or 0), seq_known)
    return {'duplicate', floor, last, answers}
end

-- What its spool holds no more was committed once, and is never sent again: a Redis that was lost since
-- does not wait for it.
local floor_after = 0
if lane then
    -- Every batch of a closed epoch was committed (close_epochs.lua saw to it, in this very Redis).
    if closed then
        floor = FLOOR_CLOSED
        return duplicate()
    end
    if kept_from > floor then floor = first_open(kept_from) end
    if seq < floor then return duplicate() end
    if seq > floor + AHEAD_MAX then return {'ahead', floor} end
    if not known and call('HLEN', key.floors) >= LANES_MAX then return {'full', 0} end
    if seq > floor and call('GETBIT', page_of(seq), seq % PAGE_BITS) == 1 then return duplicate() end

    -- The batch at the floor needs no bit: it moves the floor over itself and over the full bits behind it.
    floor_after = seq == floor and first_open(seq + 1) or floor
end

-- 2. Sums: by hash, fields and amounts side by side ---------------------------------------------------

local sums = {[key.ledger] = {fields = ledger_fields, amounts = ledger_amounts}}

local function add(hash, field, amount)
    local sum = sums[hash]
    if not sum then
        sum = {fields = {}, amounts = {}}
        sums[hash] = sum
    end
    local at = sum.at
    if not at then
        at = {}
        for i, name in ipairs(sum.fields) do at[name] = i end
        sum.at = at
    end
    if at[field] then
        sum.amounts[at[field]] = sum.amounts[at[field]] + amount
    else
        insert(sum.fields, field)
        insert(sum.amounts, amount)
        at[field] = #sum.fields
    end
end

local names = {}                -- by sorted set: names, amounts, expire_at

local week = nil                -- the days a report sums up, "from to" (week.lua); false: none

-- The addresses of such a day count in the week's set, too, which may take in several days of the batch.
local function add_to_week(text, day_names, amounts)
    if week == nil then week = call('GET', key.week) end
    local from, to = (week or ''):match('^(%d+) (%d+)$')
    if not from or tonumber(text) < tonumber(from) or tonumber(text) > tonumber(to) then return end
    local set = key.week_addresses:format(to)
    local sum = names[set]
    if not sum then
        sum = {names = {}, amounts = {}, at = {}, most = WEEK_DAYS * names_max,
               expire_at = floor_of(now_ms / 1000) + WEEK_KEPT_S}
        names[set] = sum
    end
    for i, name in ipairs(day_names) do
        local at = sum.at[name] or #sum.names + 1
        sum.names[at], sum.at[name] = name, at
        sum.amounts[at] = (sum.amounts[at] or 0) + amounts[i]
    end
end

for _, day in ipairs(days) do
    local text, expire_at = day[1], day[2]
    sums[key.day:format(text)] = {fields = day[3], amounts = day[4], expire_at = expire_at}
    if #day[5] > 0 then
        sums[key.day_types:format(text)] = {fields = day[5], amounts = day[6], expire_at = expire_at}
    end
    if #day[7] > 0 then
        add_to_week(text, day[7], day[8])
        names[key.day_addresses:format(text)] = {names = day[7], amounts = day[8], expire_at = expire_at}
    end
    if #day[9] > 0 then
        names[key.day_users:format(text)] = {names = day[9], amounts = day[10], expire_at = expire_at}
    end
end
if #rule_ids > 0 then
    sums[key.rule_hits] = {fields = rule_ids, amounts = rule_hits, fields_max = RULES_COUNTED_MAX}
end

-- 3. Threats: each into its incident -------------------------------------------------------------------

local touched, kinds = {}, {}          -- incidents to write, in order; lists of episodes by hash,
local kept_ms = {}                     -- kept longer where correlations look back
local index_add, index_remove = {}, {} -- by sorted set
local to_delete, outbox, answers = {}, {}, {}
local day_numbers, publisher_seq = {}, nil
local timeline, tops = {}, {}          -- scores and members; by sorted set: the same, and when it ends

-- A threat is a place in these columns; false: absent.
local indices, times, counts, severities, types, hashes, details, addresses, users, titles, title_names,
    rule_lists, threat_days, event_ids, topics, heads = unpack(threats, 1, 16)
-- Of rows that correlations add: when it was first so, and the last time; and what to answer.
local spans, correlated, correlated_answers = {}, nil, {}

if contributions or not lane then
    correlated = correlate(contributions, {
        add = add, add_to_week = add_to_week, names = names, sums = sums, days = days,
        threats = threats, spans = spans, rules = rules, now_ms = now_ms, groups_max = correlation_groups_max, kept_days = statistics_days,
        publisher = publisher, rules_counted_max = RULES_COUNTED_MAX,
        batch_name = lane and ('%s-%d'):format(lane, seq)})
end
local threat_count = #indices

if threat_count > 0 then
    local EPISODES_MAX = 64         -- of one kind, open at a time
    local RULES_MAX = 64            -- of an incident; the smallest ids stay
    local OUTBOX_MAX = 100000
    local EVICT_EXTRA = 32          -- incidents evicted beyond those that came
    local COUNT_MAX = 9007199254740991
    local COUNT_SCALE = 1099511627776 -- 2^40: above any count

    local incidents = {}            -- by id; false when there is no such incident
    local last_number = tonumber(call('HGET', key.ledger, 'incidents') or 0)
    local opened = 0

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
        if not hash or not sums[hash] and call('EXISTS', hash) == 0 then return end -- statistics are gone
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

    -- Reads what every threat needs of its incident; the rest is read when it is needed (load_rest). What
    -- is written at the end are the fields that differ from `was`.
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
                incidents[id] = {
                    id = id, name = name, status = v[1], severity = v[2], detection_count = count,
                    first_seen = first, last_seen = last, description_at = at, source_ip = address,
                    affected_user = user, rules = v[9], revision = tonumber(v[10]), day = v[11] or nil,
                    threats = 0, touched = false, news = {},
                    was = {id = id, status = v[1], severity = v[2], detection_count = count, first_seen = first,
                           last_seen = last, description_at = at, source_ip = address, affected_user = user,
                           rules = v[9], revision = tonumber(v[10]), day = v[11] or nil},
                }
            end
        end
        return incidents[id]
    end

    local function load_rest(incident)
        if incident.was.id and not incident.number then
            local fields = {'number', 'description', 'tags', 'analyst_notes', 'resolution'}
            local values = call('HMGET', incident.name, unpack(fields))
            values[1] = tonumber(values[1])
            for i, field in ipairs(fields) do
                if incident[field] == nil then
                    incident[field] = values[i] or nil
                end
                incident.was[field] = values[i] or nil
            end
        end
        return incident
    end

    local function touch(incident)
        if not incident.touched then
            incident.touched = true
            insert(touched, incident)
        end
    end

    local function open(threat)
        local time = times[threat]
        local day = days[threat_days[threat]][1]
        local number = day_numbers[day] or
            tonumber(call('GET', key.day_incident_number:format(day)) or 0)
        day_numbers[day] = number + 1
        opened = opened + 1
        local id = ('INC-%s-%04d'):format(day, number + 1)
        local incident = {
            id = id, name = key.incident:format(id), number = last_number + opened, day = day,
            event_type = types[threat], severity = severities[threat], status = 'detected',
            description = details[threat], description_at = spans[threat] and spans[threat].at or time,
            detection_count = 0, first_seen = time, last_seen = time, rules = '[]', tags = '[]', revision = 0,
            alert = 'not_configured', threats = 0, touched = false, news = {'opened'}, was = {},
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

    local united = {}
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
        touch(incident)
    end

    local function join_notes(a, b)
        if not a or a == '' or not b or b == '' then return (a and a ~= '') and a or b end
        return a .. '\n' .. b
    end

    -- `other` turned out to be part of `incident`.
    local function merge(incident, other)
        load_rest(incident)
        load_rest(other)
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
        touch(incident)
        touch(other)
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
            if stored then
                list, kept_ms[hash] = cmsgpack.unpack(stored)
            else
                list = {}
            end
            kinds[hash] = list
        end
        if span then kept_ms[hash] = max(kept_ms[hash] or 0, span.kept_ms) end
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

    local alerts, has_channels, outbox_length = {}, nil, nil
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
    local joined, changes, queued, severity_after, count_after = {}, {}, {}, {}, {}
    for threat = 1, threat_count do
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

    -- 4. What follows from the threats: indices, days, alerts, messages --------------------------------

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
            leave_indices(victim.id, values[1], values[2], values[3])
            insert(to_delete, name)
        end
        add(key.ledger, 'incidents_evicted', #victims)
    end

    if opened > 0 then
        local over = call('ZCARD', key.incidents) + opened - incidents_max
        if over > 0 then evict(min(over, opened + EVICT_EXTRA)) end
        add(key.ledger, 'incidents', opened)
    end

    -- A threat's message: a map whose head and first pairs are known before the commit; these follow.
    local SEQ, INCIDENT, COUNT = pack('seq'), pack('incident_id'), pack('detection_count')
    local packed_change, packed_severity = {}, {}
    for _, change in ipairs({'opened', 'escalated', 'repeated'}) do
        packed_change[change] = pack('change', change)
    end
    for severity in pairs(severity_rank) do
        packed_severity[severity] = pack('incident_severity', severity)
    end
    local packed_queued = {[true] = pack('alert_queued', true), [false] = pack('alert_queued', false)}
    publisher_seq = max(tonumber(call('GET', key.publisher:format(publisher)) or 0), seq_known)
    local n = 0
    for threat = 1, threat_count do
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

    -- What the reports list of a threat is its message, behind its time and its id: so equal scores stand
    -- in the order of time whatever came first.
    local function member_of(threat)
        return ('%015d %s '):format(times[threat], event_ids[threat]) .. answers[5 * threat]
    end

    -- The place of the last member that stays among a day's gravest: its score and its time.
    local function last_of(top)
        local last = call('ZRANGE', top.set, TOP_THREATS - 1, TOP_THREATS - 1, 'WITHSCORES')
        top.score = tonumber(last[2] or 'inf')
        top.time = last[1] and tonumber(last[1]:sub(1, 15)) or 0
        return top
    end

    for threat = 1, threat_count do
        local day = days[threat_days[threat]]
        local top = tops[day]
        if not top then
            top = last_of({set = key.day_top_threats:format(day[1]), expire_at = day[2]})
            tops[day] = top
        end
        local score = -severity_rank[severities[threat]] * COUNT_SCALE - min(counts[threat], COUNT_SCALE - 1)
        local member = member_of(threat)
        insert(timeline, times[threat])
        insert(timeline, member)
        if score < top.score or (score == top.score and times[threat] <= top.time) then
            insert(top, score)
            insert(top, member)
        end
    end
    call('ZCARD', key.timeline)

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
    if correlated then
        correlated_answers = correlated.answers(function(threat) return stands_for(joined[threat]) end, queued)
    end
    call('XLEN', key.threats)
    call('XLEN', key.audit)
    call('ZCARD', key.incidents)
end

-- 5. What the sums are added to --------------------------------------------------------------------------

for set, sum in pairs(names) do
    local scores, new = call('ZMSCORE', set, unpack(sum.names)), 0
    for i = 1, #sum.names do
        if scores[i] then
            sum.amounts[i] = sum.amounts[i] + tonumber(scores[i])
        else
            new = new + 1
        end
    end
    local before = call('ZCARD', set)
    sum.is_new = before == 0
    sum.evicted = max(0, before + new - (sum.most or names_max))
    if sum.evicted > 0 then add(key.ledger, 'names_evicted', sum.evicted) end
end

for hash, sum in pairs(sums) do
    local room = sum.fields_max and sum.fields_max - call('HLEN', hash) or 0
    for from = 1, #sum.fields, FIELDS_AT_ONCE do
        local to = min(from + FIELDS_AT_ONCE - 1, #sum.fields)
        local values = call('HMGET', hash, unpack(sum.fields, from, to))
        for i = from, to do
            local value = values[i - from + 1]
            if value then
                sum.amounts[i] = sum.amounts[i] + tonumber(value)
            elseif sum.fields_max then
                room = room - 1
                if room < 0 then sum.amounts[i] = false end
            end
        end
        if from == 1 then sum.is_new = not values[1] end
    end
end

-- The first field of the ledger is no sum: how many events the producer had accepted up to this batch.
if lane then ledger_amounts[1] = max(ledger_amounts[1], accepted) end
if #quarantined > 0 then call('XLEN', key.quarantine) end

-- 6. Writing -----------------------------------------------------------------------------------------------

if correlated then correlated.write() end
if seq > floor then call('SETBIT', page_of(seq), seq % PAGE_BITS, 1) end
if not known or floor_after > stored_floor then call('HSET', key.floors, lane, floor_after) end
local pages = floor_of(floor_after / PAGE_BITS) - floor_of(stored_floor / PAGE_BITS)
for page = 0, min(pages - 1, AHEAD_MAX / PAGE_BITS) do
    call('DEL', page_of(stored_floor + page * PAGE_BITS))
end

for hash, sum in pairs(sums) do
    for from = 1, #sum.fields, FIELDS_AT_ONCE do
        local changes = {}
        for i = from, min(from + FIELDS_AT_ONCE - 1, #sum.fields) do
            if sum.amounts[i] then
                insert(changes, sum.fields[i])
                insert(changes, sum.amounts[i])
            end
        end
        if #changes > 0 then call('HSET', hash, unpack(changes)) end
        if #changes > 0 and hash == key.rule_hits then
            for i = 2, #changes, 2 do changes[i] = now_ms end
            call('HSET', key.rule_last_hit, unpack(changes))
        end
    end
    if sum.is_new and sum.expire_at then call('EXPIREAT', hash, sum.expire_at) end
end

for _, event in ipairs(quarantined) do
    call('XADD', key.quarantine, 'MAXLEN', '~', QUARANTINE_KEPT, '*', 'id', event[1], 'bytes', event[2])
end

for set, sum in pairs(names) do
    local members = {}
    for i, name in ipairs(sum.names) do
        insert(members, sum.amounts[i])
        insert(members, name)
    end
    call('ZADD', set, unpack(members))
    if sum.evicted > 0 then call('ZREMRANGEBYRANK', set, 0, sum.evicted - 1) end
    if sum.is_new then call('EXPIREAT', set, sum.expire_at) end
end

if threat_count == 0 then return {'ok', floor_after} end

local AUDIT_KEPT = 100000
local MERGED_KEPT_MS = 7 * 86400000  -- a merged incident still tells where it went
local PUBLISHER_KEPT_S = 86400

for _, incident in ipairs(touched) do
    local was, changes, n = incident.was, {}, 0
    for _, field in ipairs(incident_fields) do
        local value = incident[field]
        if value ~= was[field] then
            changes[n + 1], changes[n + 2] = field, value
            n = n + 2
        end
    end
    if n > 0 then call('HSET', incident.name, unpack(changes)) end
    if incident.merged_into then call('PEXPIRE', incident.name, MERGED_KEPT_MS) end
    if #incident.news > 0 then
        call('XADD', key.audit, '*', 'incident', incident.id, 'revision', incident.revision,
             'who', 'pipeline', 'time', now_ms, 'what', concat(incident.news, ', '))
    end
end
call('XTRIM', key.audit, 'MAXLEN', '~', AUDIT_KEPT)
for set, members in pairs(index_remove) do call('ZREM', set, unpack(members)) end
for set, members in pairs(index_add) do call('ZADD', set, unpack(members)) end
if #to_delete > 0 then call('DEL', unpack(to_delete)) end
for hash, list in pairs(kinds) do
    local longer = kept_ms[hash] or 0
    call('SET', key.episode:format(hash), pack(list, longer), 'PX', max(1, window_ms + lateness_ms + longer))
end
for day, number in pairs(day_numbers) do call('SET', key.day_incident_number:format(day), number) end
for _, entry in ipairs(outbox) do call('XADD', key.outbox, '*', unpack(entry)) end

local seq_before = publisher_seq - threat_count
for i = 1, threat_count do
    call('XADD', key.threats, '*', 'publisher', publisher, 'seq', seq_before + i,
         'topic', answers[5 * i - 1], 'body', answers[5 * i])
end
call('XTRIM', key.threats, 'MAXLEN', '~', threats_kept)
call('ZADD', key.timeline, unpack(timeline))
call('ZREMRANGEBYRANK', key.timeline, 0, -1 - TIMELINE_KEPT)
for _, top in pairs(tops) do
    if #top > 0 then
        call('ZADD', top.set, unpack(top))
        call('ZREMRANGEBYRANK', top.set, TOP_THREATS, -1)
        call('EXPIREAT', top.set, top.expire_at)
    end
end
call('SET', key.publisher:format(publisher), publisher_seq, 'EX', PUBLISHER_KEPT_S)
return {'ok', floor_after, publisher_seq, answers, correlated_answers}
