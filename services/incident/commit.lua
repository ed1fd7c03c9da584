-- commit.lua: commits one batch, exactly once. The only writer of counters, incidents and outbox.
--
--   ARGV[1] the batch, ARGV[2] the limits: MessagePack arrays packed by commit_pack.c, in the order of the
--           names below. Before this text commit_script.c puts the tables key, day_field, incident_fields,
--           severity_rank, status_rank and status_active, expanded from proto/*.def.
--   answer  {state, floor}, and for a committed batch with threats {"ok", floor, last seq of this publisher,
--           {index, incident id, 1 when an alert was queued, topic, body, ...}}.
--   states  "ok", "duplicate", "ahead", "full": reasons of status.def. All but "ok" change nothing.
--
-- Lua has no rollback: sections 1 to 5 only read and compute (and so meet a key of a wrong type before
-- anything is written), section 6 only writes. What is stored of an incident never depends on the order in
-- which threats arrive, ids, revisions and alerts aside.

local call, pack = redis.call, cmsgpack.pack
local floor_of, insert = math.floor, table.insert

local AHEAD_MAX = 1048576       -- batches above the floor
local PAGE_BITS = 65536         -- batches in one page of the bitmap
local LANES_MAX = 100000        -- (producer, epoch) pairs known
local RULES_COUNTED_MAX = 100000
local FIELDS_AT_ONCE = 1000     -- below Lua's bound of arguments
local QUARANTINE_KEPT = 10000

local batch = cmsgpack.unpack(ARGV[1])
local lane, seq, now_ms, accepted, seq_known = unpack(batch, 1, 5)
local ledger_fields, ledger_amounts, days, rule_ids, rule_hits = unpack(batch, 6, 10)
local quarantined, rules, threats = unpack(batch, 11, 13)
local limits = cmsgpack.unpack(ARGV[2])
local publisher, window_ms, lateness_ms, incidents_max, threats_kept, names_max, statistics_days =
    unpack(limits, 1, 7)

-- 1. Is the batch new? ------------------------------------------------------------------------------

local known = call('HGET', key.floors, lane)
local floor = tonumber(known or 0)
if seq < floor then return {'duplicate', floor} end
if seq > floor + AHEAD_MAX then return {'ahead', floor} end
if not known and call('HLEN', key.floors) >= LANES_MAX then return {'full', 0} end

local function page_of(number)
    return key.dedup:format(lane, ('%d'):format(floor_of(number / PAGE_BITS)))
end

if seq > floor and call('GETBIT', page_of(seq), seq % PAGE_BITS) == 1 then
    return {'duplicate', floor}
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

-- The batch at the floor needs no bit: it moves the floor over itself and over the full bits behind it.
local floor_after = seq == floor and first_open(seq + 1) or floor

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
for _, day in ipairs(days) do
    local text, expire_at = day[1], day[2]
    sums[key.day:format(text)] = {fields = day[3], amounts = day[4], expire_at = expire_at}
    if #day[5] > 0 then
        sums[key.day_types:format(text)] = {fields = day[5], amounts = day[6], expire_at = expire_at}
    end
    if #day[7] > 0 then
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

local touched, kinds = {}, {}          -- incidents to write, in order; episodes by hash
local index_add, index_remove = {}, {} -- by sorted set
local to_delete, outbox, records = {}, {}, {}
local day_numbers, publisher_seq = {}, nil

if #threats > 0 then
    local EPISODES_MAX = 64
    local RULES_MAX = 64            -- of an incident; the smallest ids stay
    local OUTBOX_MAX = 100000
    local EVICT_EXTRA = 32          -- incidents evicted beyond those that came
    local COUNT_MAX = 9007199254740991
    local DAY_MS = 86400000

    -- A threat's place in its array.
    local INDEX, TIME, COUNT, SEVERITY, TYPE, HASH = 1, 2, 3, 4, 5, 6
    local DETAILS, ADDRESS, USER, TITLE, TITLE_NAME, RULES = 7, 8, 9, 10, 11, 12
    local EVENT_ID, TOPIC, PAIRS, FIXED = 13, 14, 15, 16

    local numeric = {number = true, timestamp = true, description_at = true, detection_count = true,
                     first_seen = true, last_seen = true, revision = true}
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
        if not a or not b or a == b then return a or b end
        return precedes(a, b) and a or b
    end

    local day_texts = {}
    -- YYYYMMDD of a time, and its number since 1970 (Howard Hinnant's civil_from_days).
    local function day_of(ms)
        local number = floor_of(ms / DAY_MS)
        if not day_texts[number] then
            local z = number + 719468
            local era = floor_of(z / 146097)
            local doe = z - era * 146097
            local yoe = floor_of((doe - floor_of(doe / 1460) + floor_of(doe / 36524) -
                                  floor_of(doe / 146096)) / 365)
            local doy = doe - (365 * yoe + floor_of(yoe / 4) - floor_of(yoe / 100))
            local month = floor_of((5 * doy + 2) / 153)
            local day = doy - floor_of((153 * month + 2) / 5) + 1
            month = month < 10 and month + 3 or month - 9
            local year = yoe + era * 400 + (month <= 2 and 1 or 0)
            day_texts[number] = ('%04d%02d%02d'):format(year, month, day)
        end
        return day_texts[number], number
    end

    -- An incident counts in the day it was first seen, by its present severity and status.
    local function count_in_day(first_seen, severity, status, amount)
        local text, number = day_of(first_seen)
        local day = key.day:format(text)
        add(day, day_field.INCIDENTS_SEVERITY:format(severity), amount)
        add(day, day_field.INCIDENTS_STATUS:format(status), amount)
        sums[day].expire_at = (number + 1 + statistics_days) * 86400
    end

    local function index(list, set, ...)
        local members = list[set]
        if not members then
            members = {}
            list[set] = members
        end
        for i = 1, select('#', ...) do insert(members, (select(i, ...))) end
    end

    local function load(id)
        if incidents[id] == nil then
            local values = call('HMGET', key.incident:format(id), unpack(incident_fields))
            if not values[1] then
                incidents[id] = false
            else
                local incident, was = {}, {}
                for i, field in ipairs(incident_fields) do
                    local value = values[i]
                    if value then
                        value = numeric[field] and tonumber(value) or value
                        incident[field], was[field] = value, value
                    end
                end
                incident.was, incident.news, incident.held = was, {}, {}
                incidents[id] = incident
            end
        end
        return incidents[id]
    end

    local function touch(incident)
        if not incident.touched then
            incident.touched = true
            insert(touched, incident)
        end
    end

    local function open(threat)
        local day = day_of(threat[TIME])
        if not day_numbers[day] then
            day_numbers[day] = tonumber(call('GET', key.day_incident_number:format(day)) or 0)
        end
        day_numbers[day] = day_numbers[day] + 1
        opened = opened + 1
        local id = ('INC-%s-%04d'):format(day, day_numbers[day])
        local incident = {
            id = id, number = last_number + opened, event_type = threat[TYPE],
            severity = threat[SEVERITY], status = 'detected', description = threat[DETAILS],
            description_at = threat[TIME], detection_count = 0, first_seen = threat[TIME],
            last_seen = threat[TIME], rules = '[]', tags = '[]', revision = 0, alert = 'not_configured',
            was = {}, news = {'opened'}, held = {},
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
        for i = 1, math.min(#ids, RULES_MAX) do
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
        local result = {rules = '[' .. table.concat(texts, ',') .. ']',
                        tags = '[' .. table.concat(tags, ',') .. ']', title = title}
        united[memo] = result
        return result
    end

    local function take_rules(incident, json)
        local union = unite(incident.rules, json)
        incident.rules, incident.tags, incident.rule_title = union.rules, union.tags, union.title
    end

    local function title_of(incident)
        if incident.title_name == 'rule' then
            return incident.rule_title or unite(incident.rules, '[]').title
        end
        local name = incident.title_name == 'address' and incident.source_ip or nil
        if incident.title_name == 'user' then name = incident.affected_user end
        return incident.title_prefix .. (name or 'unknown')
    end

    -- True when a description of this severity, time and text goes before the incident's.
    local function is_graver(severity, at, text, incident)
        local a, b = severity_rank[severity], severity_rank[incident.severity]
        if a ~= b then return a > b end
        if at ~= incident.description_at then return at < incident.description_at end
        return text ~= incident.description and precedes(text, incident.description)
    end

    local function take_description(incident, severity, at, text)
        if is_graver(severity, at, text, incident) then
            incident.severity, incident.description, incident.description_at = severity, text, at
        end
    end

    local function take_times(incident, first, last, count)
        incident.first_seen = math.min(incident.first_seen, first)
        incident.last_seen = math.max(incident.last_seen, last)
        incident.detection_count = math.min(incident.detection_count + count, COUNT_MAX)
    end

    local function absorb(incident, threat)
        take_description(incident, threat[SEVERITY], threat[TIME], threat[DETAILS])
        take_times(incident, threat[TIME], threat[TIME], threat[COUNT])
        incident.source_ip = smaller(incident.source_ip, threat[ADDRESS])
        incident.affected_user = smaller(incident.affected_user, threat[USER])
        incident.title_prefix, incident.title_name = threat[TITLE], threat[TITLE_NAME]
        for _, rule in ipairs(threat[RULES]) do
            if not incident.held[rule] then
                incident.held[rule] = true
                if not incident.rules:find(rules[rule], 1, true) then
                    take_rules(incident, '[' .. rules[rule] .. ']')
                end
            end
        end
        incident.threats = (incident.threats or 0) + 1
        touch(incident)
    end

    local function join_notes(a, b)
        if not a or a == '' or not b or b == '' then return (a and a ~= '') and a or b end
        return a .. '\n' .. b
    end

    -- `other` turned out to be part of `incident`.
    local function merge(incident, other)
        take_description(incident, other.severity, other.description_at, other.description)
        take_times(incident, other.first_seen, other.last_seen, other.detection_count)
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

    local function kind_of(threat)
        local kind = kinds[threat[HASH]]
        if not kind then
            local stored = window_ms > 0 and call('GET', key.episode:format(threat[HASH]))
            kind = {episodes = stored and cmsgpack.unpack(stored) or {}}
            kinds[threat[HASH]] = kind
        end
        return kind
    end

    -- Positions of the episodes {first, last, id} that a threat at `time` belongs to; forgets those whose
    -- incident is gone.
    local function episodes_at(kind, time)
        local list, found, i = kind.episodes, {}, 1
        while i <= #list do
            local episode = list[i]
            local near = time >= episode[1] - window_ms and time <= episode[2] + window_ms
            local incident = near and load(episode[3])
            if near and (not incident or incident.merged_into) then
                table.remove(list, i)
            else
                if near and status_active[incident.status] then insert(found, i) end
                i = i + 1
            end
        end
        return found
    end

    -- Makes one episode of several: the earliest stays.
    local function unite_episodes(kind, found)
        local list, stays = kind.episodes, found[1]
        for i = 2, #found do
            local a, b = list[stays], list[found[i]]
            if b[1] < a[1] or (b[1] == a[1] and load(b[3]).number < load(a[3]).number) then
                stays = found[i]
            end
        end
        local episode = list[stays]
        for i = #found, 1, -1 do
            if found[i] ~= stays then
                local other = table.remove(list, found[i])
                episode[1], episode[2] = math.min(episode[1], other[1]), math.max(episode[2], other[2])
                merge(load(episode[3]), load(other[3]))
            end
        end
        return episode
    end

    local function add_episode(kind, episode)
        local list = kind.episodes
        insert(list, episode)
        if #list > EPISODES_MAX then
            local oldest = 1
            for i = 2, #list do
                if list[i][2] < list[oldest][2] then oldest = i end
            end
            table.remove(list, oldest)
            add(key.ledger, 'episodes_evicted', 1)
        end
    end

    -- The incident of a threat, and whether it was opened for it.
    local function find_or_open(threat)
        if window_ms == 0 then return open(threat), true end
        local kind, time = kind_of(threat), threat[TIME]
        local found = episodes_at(kind, time)
        if #found == 0 then
            local incident = open(threat)
            add_episode(kind, {time, time, incident.id})
            return incident, true
        end
        local episode = #found == 1 and kind.episodes[found[1]] or unite_episodes(kind, found)
        episode[1], episode[2] = math.min(episode[1], time), math.max(episode[2], time)
        return load(episode[3]), false
    end

    local has_channels, outbox_length
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
        insert(outbox, {change = change, incident = incident, severity = incident.severity,
                        title = title_of(incident), threat = threat})
        return true
    end

    for _, threat in ipairs(threats) do
        local incident, is_new = find_or_open(threat)
        local before = incident.severity
        absorb(incident, threat)
        local change = is_new and 'opened' or 'repeated'
        if not is_new and incident.severity ~= before then
            change = 'escalated'
            insert(incident.news, 'severity ' .. before .. ' to ' .. incident.severity)
        end
        local queued = change ~= 'repeated' and queue_alert(change, incident, threat)
        insert(records, {threat = threat, incident = incident, change = change, queued = queued,
                         severity = incident.severity, count = incident.detection_count})
    end

    -- 4. What follows from the threats: indices, days, alerts, messages --------------------------------

    local function stands_for(incident)
        while incident.merged_into do incident = incidents[incident.merged_into] end
        return incident.id
    end

    local function leave_indices(id, severity, status, first_seen)
        index(index_remove, key.incidents, id)
        if severity then
            index(index_remove, key.incidents_by:format(status, severity), id)
            count_in_day(first_seen, severity, status, -1)
        end
    end

    for _, incident in ipairs(touched) do
        local was = incident.was
        incident.timestamp = incident.first_seen
        incident.revision = incident.revision + 1
        if incident.title_name then incident.title = title_of(incident) end
        if incident.threats then
            insert(incident.news, incident.threats == 1 and '1 threat' or incident.threats .. ' threats')
        end
        local moved = was.severity ~= incident.severity or was.status ~= incident.status or
            was.first_seen ~= incident.first_seen or incident.merged_into
        if was.id and moved then
            leave_indices(was.id, was.severity, was.status, was.first_seen)
        end
        if moved and not incident.merged_into then
            index(index_add, key.incidents, incident.number, incident.id)
            index(index_add, key.incidents_by:format(incident.status, incident.severity),
                  incident.number, incident.id)
            count_in_day(incident.first_seen, incident.severity, incident.status, 1)
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
            local values = call('HMGET', name, 'severity', 'status', 'first_seen')
            leave_indices(victim.id, values[1], values[2], tonumber(values[3] or 0))
            insert(to_delete, name)
        end
        add(key.ledger, 'incidents_evicted', #victims)
    end

    local over = call('ZCARD', key.incidents) + opened - incidents_max
    if over > 0 then evict(math.min(over, opened + EVICT_EXTRA)) end
    add(key.ledger, 'incidents', opened)

    -- A threat's message: the pairs that were known before, and those that are known only now.
    publisher_seq = math.max(tonumber(call('GET', key.publisher:format(publisher)) or 0), seq_known)
    for _, record in ipairs(records) do
        local threat = record.threat
        publisher_seq = publisher_seq + 1
        record.incident_id = stands_for(record.incident)
        record.index, record.topic, record.seq = threat[INDEX], threat[TOPIC], publisher_seq
        record.body = string.char(0xde, 0, threat[PAIRS] + 6) .. threat[FIXED] ..
            pack('seq', record.seq, 'change', record.change, 'incident_id', record.incident_id,
                 'incident_severity', record.severity, 'detection_count', record.count,
                 'alert_queued', record.queued)
    end
    for i, alert in ipairs(outbox) do
        local threat = alert.threat
        local entry = {'kind', alert.change, 'incident_id', stands_for(alert.incident),
                       'severity', alert.severity, 'event_type', threat[TYPE], 'title', alert.title,
                       'details', threat[DETAILS], 'event_id', threat[EVENT_ID], 'time_ms', threat[TIME]}
        if threat[ADDRESS] then insert(entry, 'source_ip') insert(entry, threat[ADDRESS]) end
        if threat[USER] then insert(entry, 'user') insert(entry, threat[USER]) end
        outbox[i] = entry
    end
    call('XLEN', key.threats)
    call('XLEN', key.audit)
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
    sum.evicted = math.max(0, before + new - names_max)
    if sum.evicted > 0 then add(key.ledger, 'names_evicted', sum.evicted) end
end

for hash, sum in pairs(sums) do
    local room = sum.fields_max and sum.fields_max - call('HLEN', hash) or 0
    for from = 1, #sum.fields, FIELDS_AT_ONCE do
        local to = math.min(from + FIELDS_AT_ONCE - 1, #sum.fields)
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
ledger_amounts[1] = math.max(ledger_amounts[1], accepted)
if #quarantined > 0 then call('XLEN', key.quarantine) end

-- 6. Writing -----------------------------------------------------------------------------------------------

if seq == floor then
    call('HSET', key.floors, lane, floor_after)
    for page = floor_of(floor / PAGE_BITS), floor_of(floor_after / PAGE_BITS) - 1 do
        call('DEL', page_of(page * PAGE_BITS))
    end
else
    call('SETBIT', page_of(seq), seq % PAGE_BITS, 1)
    if not known then call('HSET', key.floors, lane, 0) end
end

for hash, sum in pairs(sums) do
    for from = 1, #sum.fields, FIELDS_AT_ONCE do
        local changes = {}
        for i = from, math.min(from + FIELDS_AT_ONCE - 1, #sum.fields) do
            if sum.amounts[i] then
                insert(changes, sum.fields[i])
                insert(changes, sum.amounts[i])
            end
        end
        if #changes > 0 then call('HSET', hash, unpack(changes)) end
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

if #threats == 0 then return {'ok', floor_after} end

local AUDIT_KEPT = 100000
local MERGED_KEPT_MS = 7 * 86400000  -- a merged incident still tells where it went
local PUBLISHER_KEPT_S = 86400

for _, incident in ipairs(touched) do
    local was, name, changes = incident.was, key.incident:format(incident.id), {}
    for _, field in ipairs(incident_fields) do
        if incident[field] ~= was[field] then
            insert(changes, field)
            insert(changes, incident[field])
        end
    end
    call('HSET', name, unpack(changes))
    if incident.merged_into then call('PEXPIRE', name, MERGED_KEPT_MS) end
    call('XADD', key.audit, 'MAXLEN', '~', AUDIT_KEPT, '*', 'incident', incident.id,
         'revision', incident.revision, 'who', 'pipeline', 'time', now_ms,
         'what', table.concat(incident.news, ', '))
end
for set, members in pairs(index_remove) do call('ZREM', set, unpack(members)) end
for set, members in pairs(index_add) do call('ZADD', set, unpack(members)) end
if #to_delete > 0 then call('DEL', unpack(to_delete)) end
for hash, kind in pairs(kinds) do
    call('SET', key.episode:format(hash), pack(kind.episodes), 'PX', window_ms + lateness_ms)
end
for day, number in pairs(day_numbers) do call('SET', key.day_incident_number:format(day), number) end
for _, entry in ipairs(outbox) do call('XADD', key.outbox, '*', unpack(entry)) end

local answers = {}
for _, record in ipairs(records) do
    call('XADD', key.threats, 'MAXLEN', '~', threats_kept, '*', 'publisher', publisher,
         'seq', record.seq, 'topic', record.topic, 'body', record.body)
    insert(answers, record.index)
    insert(answers, record.incident_id)
    insert(answers, record.queued and 1 or 0)
    insert(answers, record.topic)
    insert(answers, record.body)
end
call('SET', key.publisher:format(publisher), publisher_seq, 'EX', PUBLISHER_KEPT_S)
return {'ok', floor_after, publisher_seq, answers}
