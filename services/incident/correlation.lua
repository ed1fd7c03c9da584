-- correlation.lua: the windows of correlations, for commit.lua, which it stands in front of.
--
-- What is stored of a group (events of one correlation with the same values) is its contributions and their
-- times. A contribution fires when the condition holds for the window that ends with it: all contributions
-- of the last timespan, both ends included. Then the whole window belongs to an incident (of rules in order:
-- from the first contribution of rule 1 on). Which contributions fire, and which belong, follows from all of
-- them as a set; so it is the same in any order of arrival, as long as nothing comes later than the lateness
-- bound and nothing is evicted. A correlation whose condition more contributions can undo waits: a
-- contribution is judged when what may still come is younger, or has had its time. commit.lua calls it for
-- batches with contributions, and to judge what waited.
--
-- Most contributions fire nothing, so three things are left undone until they are needed. Contributions are
-- put behind the others as they come (the tail), and sorted in (the body) only when the head of what is
-- stored says that a window could fire. Of rules in order, those behind the first wait in a list by batch
-- (followers) until their group has a contribution of the first rule. Contributions beyond WINDOW_MOST go: the
-- oldest first, but the last of each value or rule stays, so that repetitions hide nothing; which times windows
-- covered that fired is remembered.
--
--   stored    head: struct of newest time, bound, pulled, oldest unjudged, due, covered, score, mask, bytes and
--             number of the tail; tail: MessagePack numbers and texts, RECORD of them for each; body: a MessagePack
--             array, or nothing
--   bound     what no measure of any window can exceed: of counts and sums
--   mask      the rules seen, as bits
--   pulled    from when on followers were taken out of the list
--   covered   up to when windows fired
--   score     the group's among the others: the end of its time, and in the last digit how near it is to firing
--
-- given    definitions, groups, items, events, followers, as commit_pack_correlations.c packs them; or false,
--          to judge what waited until now
-- tools    of commit.lua: what it sums up and lists, and the limits
-- answer   write(), which stores everything; answers(incident_of) for the events that came to belong to
--          an incident now; head(threat), the beginning of a row's message
local call, pack = redis.call, cmsgpack.pack
local floor_of, ceil, min, max, has = math.floor, math.ceil, math.min, math.max, bit.band
local insert, remove, concat = table.insert, table.remove, table.concat
local ipairs, pairs, next, select, type = ipairs, pairs, next, select, type
local tonumber, unpack = tonumber, unpack
local WINDOW_LEAST, WINDOW_MOST = 32, 2048 -- contributions of a group
local TAIL_MAX = 32             -- contributions that are not sorted in
local COVERED_MAX = 16          -- stretches of time in which everything belongs
local FOLLOWERS_MAX = 4096      -- batches with followers kept
local FOLLOWERS_AT_ONCE = 1024  -- of them looked into for one contribution
local LEADERS_KEPT = 256        -- correlations whose leaders are remembered
local PREFIXES_AT_ONCE = 64
local DEFINITIONS_KEPT = 1024
local REFRESHED_KEPT = 4096     -- keys whose lifetime was set anew,
local REFRESH_PARTS = 16        -- which is done when a part of it is over
local SETTLED_AT_ONCE = 64      -- groups whose wait is over
local AT_ONCE = 500             -- fields in a call
local OUTAGE_MS = 3600000       -- windows outlive their time by this, so that an outage loses none
local PURGED_AT_ONCE = 64       -- groups whose time is over
local DEPTH_MAX = 8             -- as contribution.h has it
local EVICTION_SAMPLE = 128     -- groups, of the oldest, from which the farthest from firing go
local EVICT_EXTRA = 16
local LEVELS = 8                -- how near a group is to firing
local HOUR_MS, QUARTER_MS, DAY_MS = 3600000, 900000, 86400000
-- A mark tells of a contribution: its event is a threat by itself; in the very same incident; it
-- belongs; it fired; and how many events it stands for, times EVENT.
local OWN, SAME, BELONGS, FIRED, EVENT = 1, 2, 4, 8, 16

-- Members of a definition.
local IDENTITY, KIND, TIMESPAN, LATENESS, WAITS, RAISES, COMPARISONS, EXPRESSION, IN_ORDER, PERCENTILE,
    RULE_COUNT, QUANTUM, DEPTH, SEVERITY, EVENT_TYPE, TITLE, TITLE_NAME, RULE_JSON, RULES, TOPIC,
    RULE_ID = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21

local pack_head, unpack_head = struct.pack, struct.unpack
local HEAD, HEAD_SIZE = '<dddddddI4I2I2', 64
local NONE = {}
local RECORD = 8                -- values of a contribution in a tail
local FOLLOWER, FIELD_SIZE, FOLLOWER_SIZE = '<dI4BbB', 16, 31
local PLACES, PLACES_SIZE = '<I4I4', 8
local PREFIX, PREFIX_SIZE = '<I4', 4
local PREFIXES = {}             -- formats of so many
for count = 1, PREFIXES_AT_ONCE do PREFIXES[count] = '<' .. ('I4'):rep(count) end
local ALWAYS = 1e300

-- Kept between calls: definitions by how they are packed; when keys' lifetimes were set, by name.
local known_definitions, known_definition_count = {}, 0
local refreshed, refreshed_count = {}, 0
-- How the names of groups with a window begin, by hash, and the version these are of (see leaders_of).
local leaders, leaders_count, versions = {}, 0, 0

-- Of the present call.
local given, tools, add, now_ms
local layers                    -- by depth: groups with something to do
local stores                    -- hashes to write, with what to write
local raised                    -- by place among the threats: group and run
local belonging                 -- events of this batch that came to belong, and their runs
local day_texts                 -- by days since 1970
local stored_definitions, new_definitions
local unpacked                  -- groups by identity and field, so that each is met once
local batch_followers           -- by definition
local lists                     -- of followers, so that each is read once
local orphans                   -- groups that waited, and are gone

-- 1. Time -------------------------------------------------------------------------------------------

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

local function rfc3339(ms)
    local day, rest = day_of(ms), ms % DAY_MS
    local fraction = ms % 1000 > 0 and ('.%03d'):format(ms % 1000) or ''
    return ('%s-%s-%sT%02d:%02d:%02d%sZ'):format(
        day:sub(1, 4), day:sub(5, 6), day:sub(7, 8), floor_of(rest / HOUR_MS),
        floor_of(rest / 60000) % 60, floor_of(rest / 1000) % 60, fraction)
end

-- The statistics' day of a time: where its zone stands is known in quarters of an hour.
local function local_day(ms, zone)
    local text, number = day_of(ms + zone * QUARTER_MS)
    return text, (number + 1 + tools.kept_days) * 86400
end

-- 2. Groups and what is stored of them --------------------------------------------------------------

local function store_of(definition)
    local name = key.correlation:format(definition[IDENTITY])
    local store = stores[name]
    if not store then
        store = {name = name, queue = key.correlation_groups:format(definition[IDENTITY]),
                 version = key.correlation_leaders:format(definition[IDENTITY]),
                 definition = definition, pairs = {}, scores = {}, dues = {}, settled = {},
                 forgets = {}, fields = {}, new = 0,
                 lives_ms = definition[TIMESPAN] + definition[LATENESS] + OUTAGE_MS}
        stores[name] = store
    end
    return store
end

-- Gives a group something to do in its layer.
local function schedule(group)
    if not group.fresh then
        group.fresh, group.runs, group.earlier = {}, NONE, NONE
        local depth = group.definition[DEPTH]
        layers[depth] = layers[depth] or {}
        insert(layers[depth], group)
    end
    return group
end

-- Of these, contributions of rules behind the first come as followers.
local function has_followers(definition)
    return definition[IN_ORDER] > 1 and definition[IN_ORDER] == definition[RULE_COUNT] and not definition[WAITS]
end

local function needs_rules(definition)
    return definition[KIND] == 'temporal' or definition[KIND] == 'temporal_ordered'
end

local function contribute(group, entry)
    local quantum = group.definition[QUANTUM]
    if not needs_rules(group.definition) then entry.rule = 0 end
    if quantum > 0 then entry.time = ceil(entry.time / quantum) * quantum end
    insert(schedule(group).fresh, entry)
end

-- As it is stored, with all behind it.
local function pack_group(group)
    local parents = {}
    for i, parent in ipairs(group.parents) do
        parents[i] = {pack_group(parent.group), parent.rule, parent.value}
    end
    return {group.definition[IDENTITY], group.field, group.episode, group.details, group.address,
            group.user, parents}
end

local function stored_definition(identity)
    if stored_definitions[identity] == nil then
        local packed = call('GET', key.correlation_definition:format(identity))
        stored_definitions[identity] = packed and cmsgpack.unpack(packed) or false
    end
    return stored_definitions[identity]
end

local function unpack_group(stored)
    local name = stored[1] .. stored[2]
    local definition = stored_definition(stored[1])
    if not definition then return nil end
    local group = unpacked[name]
    if not group then
        group = {definition = definition, field = stored[2], episode = stored[3], details = stored[4],
                 address = stored[5], user = stored[6], parents = {}}
        unpacked[name] = group
        for _, parent in ipairs(stored[7]) do
            local behind = unpack_group(parent[1])
            if behind then
                insert(group.parents, {group = behind, rule = parent[2], value = parent[3]})
            end
        end
    end
    return group
end

local function new_window()
    return {newest = 0, pulled = ALWAYS, times = {}, weights = {}, marks = {}, zones = {}, rules = {},
            values = {}, dues = {}, ids = {}, events = {}, covered = {}, count = 0, tail = {}}
end

local NO_WINDOW = new_window()

-- The contributions of a tail, RECORD values each.
local function unpack_tail(packed)
    local values, tail = {cmsgpack.unpack(packed)}, {}
    for i = 1, #values, RECORD do
        insert(tail, {time = values[i], weight = values[i + 1], marks = values[i + 2], zone = values[i + 3],
                      rule = values[i + 4], value = values[i + 5], due = values[i + 6],
                      id = values[i + 7]})
    end
    return tail
end

-- Times are stored as what they are before the newest. With it what was said of a group that waits.
local function unpack_window(packed)
    local window = new_window()
    local newest, _, pulled, _, _, _, _, _, bytes, tails = unpack_head(HEAD, packed)
    window.newest, window.pulled = newest, pulled
    if tails > 0 then window.tail = unpack_tail(packed:sub(HEAD_SIZE + 1, HEAD_SIZE + bytes)) end
    if #packed == HEAD_SIZE + bytes then return window end
    local stored = cmsgpack.unpack(packed:sub(HEAD_SIZE + bytes + 1))
    local times, base = stored[1], stored[2]
    for i = 1, #times do times[i] = base - times[i] end
    window.times, window.count = times, #times
    window.weights, window.marks, window.zones, window.rules, window.values, window.dues, window.ids,
        window.covered = unpack(stored, 3, 10)
    return window, stored[11]
end

-- What a contribution can add to a measure, at most; rules are seen in the mask.
local function amount_of(definition, weight, value)
    if definition[KIND] == 'event_count' then return weight end
    if definition[KIND] == 'value_sum' then return max(value, 0) end
    return 1
end

local function add_to_mask(mask, rule)
    local bit_of_rule = 2 ^ (rule - 1)
    if rule == 0 or floor_of(mask / bit_of_rule) % 2 == 1 then return mask end
    return mask + bit_of_rule
end

-- What is sorted in; with it, what is said of a group that waits or has followers.
local function pack_body(group, window, offsets)
    local definition = group.definition
    return pack({offsets, window.newest, window.weights, window.marks, window.zones, window.rules, window.values,
                 window.dues, window.ids, window.covered,
                 (definition[WAITS] or has_followers(definition)) and pack_group(group) or nil})
end

-- All of it in the body, with nothing left in the tail.
local function pack_window(group, window, score)
    local definition = group.definition
    local bound, mask, oldest, due, covered = 0, 0, 0, 0, 0
    local offsets, times, newest = {}, window.times, window.newest
    for i = 1, window.count do
        offsets[i] = newest - times[i]
        bound = bound + amount_of(definition, window.weights[i], window.values[i] or 0)
        mask = add_to_mask(mask, window.rules[i] or 0)
    end
    for i = 1, #window.dues do
        if window.dues[i] > 0 then
            oldest = oldest == 0 and times[i] or min(oldest, times[i])
            due = due == 0 and window.dues[i] or min(due, window.dues[i])
        end
    end
    for i = 3, #window.covered, 3 do covered = max(covered, window.covered[i]) end
    return pack_head(HEAD, newest, bound, window.pulled, oldest, due, covered, score, mask, 0, 0) ..
        pack_body(group, window, offsets), due
end

-- 3. A window, contribution by contribution ---------------------------------------------------------

local function precedes(a, b)
    if a.time ~= b.time then return a.time < b.time end
    if a.rule ~= b.rule then return a.rule < b.rule end
    return a.value < b.value
end

-- Columns that only some correlations need stay empty in the others.
local function put(window, definition, at, entry)
    window.times[at], window.weights[at], window.marks[at] = entry.time, entry.weight, entry.marks
    window.zones[at], window.events[at] = entry.zone, entry.event
    if needs_rules(definition) then
        window.rules[at] = entry.rule
    elseif definition[KIND] ~= 'event_count' then
        window.values[at] = entry.value
    end
    if definition[WAITS] then
        window.dues[at], window.ids[at] = entry.due, entry.id
    end
end

local function take(window, at)
    return {time = window.times[at], weight = window.weights[at], marks = window.marks[at],
            zone = window.zones[at], event = window.events[at], rule = window.rules[at] or 0,
            value = window.values[at] or 0, due = window.dues[at], id = window.ids[at]}
end

-- Puts the fresh contributions among the others, with those of the tail and earlier followers.
local function merge(group)
    local definition, window, list = group.definition, group.window, group.fresh
    for _, entry in ipairs(list) do
        if entry.time < window.newest - definition[LATENESS] then
            add(key.ledger, 'contributions_late', 1)
        end
        entry.due = now_ms + definition[LATENESS]
        entry.id = entry.event.id
    end
    for _, entry in ipairs(window.tail) do insert(list, entry) end
    for _, entry in ipairs(group.earlier) do insert(list, entry) end
    window.tail = {}
    if #list == 0 then return end
    table.sort(list, precedes)
    window.newest = max(window.newest, list[#list].time)
    local at = window.count + 1
    while at > 1 and window.times[at - 1] >= list[1].time do at = at - 1 end
    local behind = {}
    for i = at, window.count do insert(behind, take(window, i)) end
    local i, j = 1, 1
    while i <= #list or j <= #behind do
        local is_next = not behind[j] or (list[i] and precedes(list[i], behind[j]))
        put(window, definition, at, is_next and list[i] or behind[j])
        if is_next then i = i + 1 else j = j + 1 end
        at = at + 1
    end
    window.count = at - 1
end

local measures = {}

function measures.event_count(_, window)
    local weights, sum = window.weights, 0
    return function(at) sum = sum + weights[at] end,
        function(at) sum = sum - weights[at] end,
        function() return sum end
end

function measures.value_count(_, window)
    local values, counts, distinct = window.values, {}, 0
    return function(at)
        local before = counts[values[at]] or 0
        if before == 0 then distinct = distinct + 1 end
        counts[values[at]] = before + 1
    end, function(at)
        counts[values[at]] = counts[values[at]] - 1
        if counts[values[at]] == 0 then distinct = distinct - 1 end
    end, function() return distinct end
end

-- Which rules are seen, and how many of them. In order: how far from rule 1 on; of every beginning the
-- latest start is known, so a window holds it when it does not begin after that.
function measures.temporal(definition, window)
    local rules, times, seen, starts, distinct = window.rules, window.times, {}, {}, 0
    local in_order, timespan = definition[IN_ORDER], definition[TIMESPAN]
    local function enter(at)
        local rule = rules[at]
        local before = seen[rule] or 0
        if before == 0 then distinct = distinct + 1 end
        seen[rule] = before + 1
        if rule == 1 then
            starts[1] = times[at]
        elseif rule <= in_order then
            starts[rule] = starts[rule - 1] or starts[rule]
        end
    end
    local function leave(at)
        local rule = rules[at]
        seen[rule] = seen[rule] - 1
        if seen[rule] == 0 then distinct = distinct - 1 end
    end
    local function measure(_, _, time)
        if in_order == 0 then return distinct end
        local far = 0
        while starts[far + 1] and starts[far + 1] >= time - timespan do far = far + 1 end
        return far
    end
    return enter, leave, measure, seen
end
measures.temporal_ordered = measures.temporal

-- Sums of whole numbers are exact as they go; where there are others the window is added up in its
-- order, so that the way it came about leaves no trace.
local function sums_of(window)
    local values, sum, others = window.values, 0, 0
    local function change(by)
        return function(at)
            local value = values[at]
            if value % 1 == 0 and value < 1e12 and value > -1e12 then
                sum = sum + by * value
            else
                others = others + by
            end
        end
    end
    return change(1), change(-1), function(from, to)
        if others == 0 then return sum end
        local total = 0
        for at = from, to do total = total + values[at] end
        return total
    end
end

function measures.value_sum(_, window) return sums_of(window) end

function measures.value_avg(_, window)
    local enter, leave, measure = sums_of(window)
    return enter, leave, function(from, to) return measure(from, to) / (to - from + 1) end
end

-- Between two values by their distance, as most tools do.
function measures.value_percentile(definition, window)
    local values, sorted, share = window.values, {}, definition[PERCENTILE] / 100
    local function place_of(value)
        local low, high = 1, #sorted + 1
        while low < high do
            local middle = floor_of((low + high) / 2)
            if sorted[middle] < value then low = middle + 1 else high = middle end
        end
        return low
    end
    return function(at) insert(sorted, place_of(values[at]), values[at]) end,
        function(at) remove(sorted, place_of(values[at])) end,
        function()
            local rank = share * (#sorted - 1)
            local low = floor_of(rank)
            local value = sorted[low + 1]
            if rank > low then value = value + (sorted[low + 2] - value) * (rank - low) end
            return value
        end
end
measures.value_median = measures.value_percentile

local function compares(operator, value, number)
    if operator == 'gte' then return value >= number end
    if operator == 'gt' then return value > number end
    if operator == 'lte' then return value <= number end
    if operator == 'lt' then return value < number end
    if operator == 'eq' then return value == number end
    return value ~= number
end

local AND, OR, NOT = 253, 254, 255
local function is_true(expression, seen)
    local stack, top = {}, 0
    for _, item in ipairs(expression) do
        if item == NOT then
            stack[top] = not stack[top]
        elseif item == AND then
            top = top - 1
            stack[top] = stack[top] and stack[top + 1]
        elseif item == OR then
            top = top - 1
            stack[top] = stack[top] or stack[top + 1]
        else
            top = top + 1
            stack[top] = (seen[item] or 0) > 0
        end
    end
    return stack[1]
end

local function holds(definition, value, seen)
    local comparisons, expression = definition[COMPARISONS], definition[EXPRESSION]
    for i = 1, #comparisons, 2 do
        if not compares(comparisons[i], value, comparisons[i + 1]) then return false end
    end
    return #expression == 0 or is_true(expression, seen)
end

-- How near a value is to what is asked for, from 0 to LEVELS - 1.
local function level_of(definition, value)
    local comparisons = definition[COMPARISONS]
    local wanted = comparisons[2] or definition[RULE_COUNT]
    if definition[WAITS] or wanted <= 0 then return LEVELS / 2 end
    return max(0, min(LEVELS - 1, floor_of(LEVELS * value / wanted)))
end

-- What a window could measure at most, and whether that would be enough.
local function could_fire(definition, bound, mask)
    if not needs_rules(definition) then return holds(definition, bound), bound end
    local seen, value = {}, 0
    for rule = 1, definition[RULE_COUNT] do
        local is_seen = floor_of(mask / 2 ^ (rule - 1)) % 2
        seen[rule] = is_seen
        if definition[IN_ORDER] == 0 or (value == rule - 1 and rule <= definition[IN_ORDER]) then
            value = value + is_seen
        end
    end
    return holds(definition, value, seen), value
end

-- The score of a group now; the one it had while that does as well.
local function score_of(store, level, had)
    local score = (now_ms + store.lives_ms) * LEVELS + level
    local is_near = had % LEVELS == level and score - had < store.lives_ms
    return is_near and had or score
end

-- What a contribution that fires does to the groups behind.
local function contribute_behind(group, time, own, zone, event)
    for _, parent in ipairs(group.parents) do
        contribute(parent.group, {time = time, weight = 1, rule = parent.rule, value = parent.value,
                                  marks = EVENT + own, zone = zone, event = event})
    end
end

-- True when each fresh contribution is newer than all before it and fires by itself; where nothing is
-- raised no more needs to be known.
local function fires_alone(group, newest)
    local definition = group.definition
    if definition[RAISES] or definition[WAITS] or definition[KIND] ~= 'event_count' then return false end
    for _, entry in ipairs(group.fresh) do
        if entry.time <= newest or not holds(definition, entry.weight) then return false end
        newest = entry.time
    end
    return true
end

-- Puts the fresh contributions behind what is stored, unread; nil when it has to be read.
local function append(store, group, stored)
    local definition, fresh, lateness = group.definition, group.fresh, group.definition[LATENESS]
    local newest, bound, pulled, oldest, due, covered, had, mask, bytes, tails =
        0, 0, ALWAYS, 0, 0, 0, 0, 0, 0, 0
    if stored then
        newest, bound, pulled, oldest, due, covered, had, mask, bytes, tails = unpack_head(HEAD, stored)
    end
    if #group.earlier > 0 or #fresh == 0 or tails + #fresh > TAIL_MAX then return nil end
    local waits, alone = definition[WAITS], fires_alone(group, newest)
    if waits and not stored then return nil end
    local late, records, limit = 0, '', newest - lateness
    pulled = min(pulled, group.pulled or ALWAYS)
    for _, entry in ipairs(fresh) do
        local time = entry.time
        if time <= covered then return nil end
        if time < limit then late = late + 1 end
        newest, mask = max(newest, time), add_to_mask(mask, entry.rule)
        bound = bound + amount_of(definition, entry.weight, entry.value)
        if waits then
            oldest = oldest == 0 and time or min(oldest, time)
            due = due == 0 and now_ms + lateness or min(due, now_ms + lateness)
        end
        records = records .. pack(time, entry.weight, entry.marks + (alone and FIRED or 0), entry.zone,
                                  entry.rule, entry.value, waits and now_ms + lateness or 0,
                                  waits and entry.event.id or 0)
    end
    local value = bound
    if waits then
        if oldest < newest - lateness then return nil end
    elseif not alone then
        local could
        could, value = could_fire(definition, bound, mask)
        if could then return nil end
    end
    if late > 0 then add(key.ledger, 'contributions_late', late) end
    for i = 1, alone and #fresh or 0 do
        local entry = fresh[i]
        contribute_behind(group, entry.time, has(entry.marks, OWN), entry.zone, entry.event)
    end
    local score = score_of(store, level_of(definition, value), had)
    local packed = pack_head(HEAD, newest, bound, pulled, oldest, due, covered, score, mask, bytes + #records,
                             tails + #fresh)
    if not stored then
        local body = has_followers(definition) and pack_body(group, NO_WINDOW, {}) or ''
        return packed .. records .. body, due, score ~= had and score
    end
    return packed .. stored:sub(HEAD_SIZE + 1, HEAD_SIZE + bytes) .. records ..
        stored:sub(HEAD_SIZE + bytes + 1), due, score ~= had and score
end

-- 4. Firing -----------------------------------------------------------------------------------------

local function count_name(set, name, events, expire_at)
    if not name then return end
    local list = tools.names[set]
    if not list then
        list = {names = {}, amounts = {}, expire_at = expire_at}
        tools.names[set] = list
    end
    local at = #list.names + 1
    list.names[at], list.amounts[at] = name, events
end

-- Statistics of events that were no threats by themselves.
local function tally(group, time, zone, events)
    local definition = group.definition
    local text, expire_at = local_day(time, zone)
    local day, types = key.day:format(text), key.day_types:format(text)
    local hour = ('%02d'):format(floor_of((time + zone * QUARTER_MS) / HOUR_MS) % 24)
    add(day, day_field.THREATS, events)
    add(day, day_field.THREAT_HOUR:format(hour), events)
    add(day, day_field.SEVERITY:format(definition[SEVERITY]), events)
    add(types, definition[EVENT_TYPE], events)
    tools.sums[day].expire_at, tools.sums[types].expire_at = expire_at, expire_at
    add(key.ledger, 'threats', events)
    count_name(key.day_addresses:format(text), group.address, events, expire_at)
    if group.address then tools.add_to_week(text, {group.address}, {events}) end
    count_name(key.day_users:format(text), group.user, events, expire_at)
end

-- The contribution at `at` comes to belong to a run.
local function belong(group, window, at, run)
    local marks = window.marks[at]
    if has(marks, BELONGS) ~= 0 then return end
    window.marks[at] = marks + BELONGS
    local events, event = floor_of(marks / EVENT), window.events[at]
    add(key.rule_hits, group.definition[RULE_ID], events)
    tools.sums[key.rule_hits].fields_max = tools.rules_counted_max
    if group.definition[RAISES] then
        if has(marks, SAME) == 0 then run.count = run.count + window.weights[at] end
        if has(marks, OWN) == 0 then tally(group, window.times[at], window.zones[at], events) end
        if event and event.index then
            insert(belonging, event)
            insert(belonging, run)
        end
    end
    if event then run.event = event end
end

-- What a group that fires does to the groups behind it.
local function pass_on(group, window, at, trigger)
    local marks = window.marks[at]
    if #group.parents == 0 or has(marks, FIRED) ~= 0 then return end
    window.marks[at] = marks + FIRED
    contribute_behind(group, window.times[at], has(marks, OWN), window.zones[at],
                      window.events[at] or trigger or
                      {id = window.ids[at], time = window.times[at], count = window.weights[at]})
end

-- Notes that everything from `nominal` to `to` belongs; what there is begins at `from`.
local function cover(window, nominal, from, to)
    local covered = window.covered
    for i = 1, #covered, 3 do
        if from <= covered[i + 2] and to >= covered[i + 1] then
            covered[i], covered[i + 1] = min(covered[i], nominal), min(covered[i + 1], from)
            covered[i + 2] = max(covered[i + 2], to)
            return
        end
    end
    insert(covered, nominal)
    insert(covered, from)
    insert(covered, to)
end

local function new_run(group, from, at, to, event)
    local run = {from = from, zone = group.window.zones[group.window.count], at = at, to = to, count = 0,
                 group = group, event = event}
    if group.runs == NONE then group.runs = {} end
    insert(group.runs, run)
    return run
end

-- The window from `low` to `high` fires, `first` to `high` being of its last moment. Windows that
-- overlap make one run.
local function fire(group, low, first, high, trigger)
    local window, definition = group.window, group.definition
    local times, run = window.times, group.runs[#group.runs]
    if not run or times[low] > run.to then
        run = new_run(group, times[low], times[first], times[first],
                      trigger or {id = window.ids[high], time = times[high],
                                  count = window.weights[high]})
        run.zone = window.zones[low]
    end
    run.to = times[first]
    for at = max(low, (group.marked or 0) + 1), high do belong(group, window, at, run) end
    group.marked = high
    cover(window, definition[IN_ORDER] > 0 and times[low] or times[first] - definition[TIMESPAN],
          times[low], times[first])
    for at = first, high do pass_on(group, window, at, trigger) end
end

-- Fresh contributions that come too late to be judged with what has gone, but in time of what belongs.
local function belong_late(group)
    local window, covered = group.window, group.window.covered
    for at = 1, window.count do
        local event, time = window.events[at], window.times[at]
        local is_loose = event and has(window.marks[at], BELONGS) == 0
        for i = 1, is_loose and #covered or 0, 3 do
            if has(window.marks[at], BELONGS) == 0 and time >= covered[i] and time <= covered[i + 2] then
                local run = new_run(group, time, covered[i + 2], max(time, covered[i + 1]), event)
                run.zone = window.zones[at]
                belong(group, window, at, run)
            end
        end
    end
end

-- The first contribution of the first moment whose window may have changed, or whose wait is over.
local function first_to_judge(group)
    local window, waits = group.window, group.definition[WAITS]
    local moment = 1
    for at = 1, window.count do
        if window.times[at] ~= window.times[moment] then moment = at end
        if waits and window.dues[at] > 0 or not waits and window.events[at] then return moment end
    end
    return window.count + 1
end

-- True when a contribution of this moment waited, and need not any more.
local function is_settled(group, first, high)
    local window, found = group.window, false
    local is_old = window.times[first] < window.newest - group.definition[LATENESS]
    for at = first, high do
        if window.dues[at] > 0 and (is_old or window.dues[at] <= now_ms) then
            window.dues[at], found = 0, true
        end
    end
    return found
end

local function judge(group)
    local definition, window = group.definition, group.window
    local times, rules, waits, timespan = window.times, window.rules, definition[WAITS], definition[TIMESPAN]
    local enter, leave, measure, seen = measures[definition[KIND]](definition, window)
    local first, trigger, trigger_at, highest = first_to_judge(group), nil, 0, 0
    local low, lead = first, 0
    while low > 1 and times[low - 1] >= times[first] - timespan do low = low - 1 end
    for at = low, first - 1 do enter(at) end
    while first <= window.count do
        local time, high = times[first], first
        while times[high + 1] == time do high = high + 1 end
        for at = first, high do
            enter(at)
            if window.events[at] then trigger, trigger_at = window.events[at], at end
        end
        while times[low] < time - timespan do
            leave(low)
            low = low + 1
        end
        local is_due = trigger_at >= low
        if waits then is_due = is_settled(group, first, high) end
        if is_due then
            local value = measure(low, high, time)
            highest = max(highest, value)
            if holds(definition, value, seen) then
                lead = max(lead, low)
                while definition[IN_ORDER] > 0 and rules[lead] ~= 1 do lead = lead + 1 end
                fire(group, lead, first, high, trigger_at >= low and trigger)
            end
        end
        first = high + 1
    end
    if not waits and #window.covered > 0 then belong_late(group) end
    group.level = level_of(definition, highest)
end

-- 5. What stays -------------------------------------------------------------------------------------

local function columns_of(window)
    return {window.times, window.weights, window.marks, window.zones, window.rules, window.values, window.dues,
            window.ids}
end

local function cut(window, gone)
    for _, column in ipairs(columns_of(window)) do
        if #column > 0 then
            for at = 1, window.count do column[at] = column[at + gone] end
        end
    end
    window.count = window.count - gone
end

-- Contributions of one moment of a coarse clock become one.
local function coarsen(window)
    local into = 1
    for at = 2, window.count do
        local same = window.times[at] == window.times[into] and
            window.zones[at] == window.zones[into] and
            window.marks[at] % EVENT == window.marks[into] % EVENT
        if same then
            window.weights[into] = window.weights[into] + window.weights[at]
            window.marks[into] = window.marks[into] + window.marks[at] - window.marks[at] % EVENT
        else
            into = into + 1
            for _, column in ipairs({window.times, window.weights, window.marks, window.zones}) do
                column[into] = column[at]
            end
        end
    end
    for _, column in ipairs({window.times, window.weights, window.marks, window.zones}) do
        for at = into + 1, window.count do column[at] = nil end
    end
    window.count = min(into, window.count)
end

-- How many contributions are kept: twice what can be there without firing, repetitions aside. Of correlations
-- that wait, or that others count, what has fired is still needed.
local function limit_of(group)
    local definition = group.definition
    local kind, wanted = definition[KIND], definition[COMPARISONS][2]
    local is_counted = needs_rules(definition) or kind == 'event_count' or kind == 'value_count'
    if definition[WAITS] or #group.parents > 0 or not is_counted then return WINDOW_MOST / 2 end
    if needs_rules(definition) then wanted = definition[RULE_COUNT] end
    if definition[IN_ORDER] > 0 then wanted = wanted * (wanted + 1) / 2 end
    local spans = (definition[TIMESPAN] + definition[LATENESS]) / definition[TIMESPAN]
    return max(WINDOW_LEAST, min(WINDOW_MOST, ceil(2 * wanted * spans)))
end

-- What windows to come cannot do without, whatever is repeated: the last contribution of each value, or of each
-- rule; of rules in order also the last ones that lead up to these.
local function needed_of(group)
    local definition, window, needed, met, leads = group.definition, group.window, {}, {}, {}
    local column = needs_rules(definition) and window.rules or window.values
    if not needs_rules(definition) and definition[KIND] ~= 'value_count' then return needed end
    for at = window.count, 1, -1 do
        local what = column[at]
        for of, wanted in pairs(leads) do
            if wanted == what then needed[at], leads[of] = true, wanted > 1 and wanted - 1 or nil end
        end
        if not met[what] then
            needed[at], met[what] = true, true
            if what > 1 and what <= definition[IN_ORDER] then leads[what] = what - 1 end
        end
    end
    return needed
end

-- Lets so many contributions go: the oldest that are not needed, and when these are too few the oldest.
local function evict(group, over)
    local window, needed, gone, lost, kept = group.window, needed_of(group), {}, 0, 0
    for round = 1, 2 do
        for at = 1, over > 0 and window.count or 0 do
            if over > 0 and not gone[at] and (round == 2 or not needed[at]) then
                gone[at], over = true, over - 1
                if has(window.marks[at], BELONGS) == 0 then lost = lost + 1 end
            end
        end
    end
    local columns = columns_of(window)
    for at = 1, window.count do
        if not gone[at] then
            kept = kept + 1
            for _, column in ipairs(columns) do column[kept] = column[at] end
        end
    end
    for _, column in ipairs(columns) do
        for at = kept + 1, window.count do column[at] = nil end
    end
    window.count = kept
    if lost > 0 then add(key.ledger, 'contributions_evicted', lost) end
end

local function trim(group)
    local definition, window = group.definition, group.window
    local youngest = window.newest - definition[LATENESS]
    local horizon, gone, covered = youngest - definition[TIMESPAN], 0, window.covered
    while gone < window.count and window.times[gone + 1] < horizon do gone = gone + 1 end
    if gone > 0 then cut(window, gone) end
    if definition[QUANTUM] > 0 and not definition[WAITS] then coarsen(window) end
    local over = window.count - limit_of(group)
    if over > 0 then evict(group, over) end
    for i = #covered - 2, 1, -3 do
        if covered[i + 2] < youngest or #covered > 3 * COVERED_MAX then
            for _ = 1, 3 do remove(covered, i) end
        end
    end
end

-- How the names of the groups with a window begin, as numbers. They are remembered between calls, and read
-- again when somebody else wrote groups since: whoever adds one sets a new version. There may be some too
-- many, never one too few.
local function leaders_of(store)
    local version, held = call('GET', store.version), leaders[store.name]
    if held and held.version == version then return held end
    if not held then
        if leaders_count == LEADERS_KEPT then leaders, leaders_count = {}, 0 end
        leaders_count = leaders_count + 1
    end
    held = {version = version, prefixes = {}}
    for _, field in ipairs(call('HKEYS', store.name)) do held.prefixes[unpack_head(PREFIX, field)] = true end
    leaders[store.name] = held
    return held
end

local function keep(store, group, packed, due, score)
    insert(store.pairs, group.field)
    insert(store.pairs, packed)
    if score then
        insert(store.scores, score)
        insert(store.scores, group.field)
    end
    store.fields[group.field] = true
    if group.is_new then
        store.new = store.new + 1
        if has_followers(group.definition) then store.leads = store.leads or leaders_of(store) end
        if store.leads then store.leads.prefixes[unpack_head(PREFIX, group.field)] = true end
    end
    if group.definition[WAITS] then
        local member = group.definition[IDENTITY] .. group.field
        if due > 0 then
            insert(store.dues, due)
            insert(store.dues, member)
        else
            insert(store.settled, member)
        end
    end
end

-- A row among the threats: where it begins, how far it goes, and what it says.
local function raise(group, run)
    local definition, threats = group.definition, tools.threats
    local text, expire_at = local_day(run.from, run.zone)
    local day = 1
    while tools.days[day] and tools.days[day][1] ~= text do day = day + 1 end
    tools.days[day] = tools.days[day] or {text, expire_at}
    local rule = 1
    while tools.rules[rule] and tools.rules[rule] ~= definition[RULE_JSON] do rule = rule + 1 end
    tools.rules[rule] = definition[RULE_JSON]
    local row = {-1, run.from, run.count, definition[SEVERITY], definition[EVENT_TYPE], group.episode,
                 group.details, group.address, group.user, definition[TITLE], definition[TITLE_NAME],
                 rule, day, run.event.id, definition[TOPIC], false}
    local place = #threats[1] + 1
    for i, column in ipairs(threats) do column[place] = row[i] end
    tools.spans[place] = {at = run.at, to = run.to, kept_ms = store_of(definition).lives_ms}
    raised[place], run.place = run, place
end

-- 6. Followers: of rules in order, those behind the first ---------------------------------------------

-- Where a group's name stands in a list of followers; the next place to search from.
local function next_follower(list, field, from, size)
    while true do
        local at = list:find(field, from, true)
        if not at then return nil end
        if (at - 1) % size == 0 then return at, at + size end
        from = at + 1
    end
end

-- Contributes a follower of this batch. What its group says is stored with what leads it.
local function lead_on(followers, number, field, groups)
    local time, weight, rule, zone, marks =
        unpack_head(FOLLOWER, followers.list, (number - 1) * FOLLOWER_SIZE + FIELD_SIZE + 1)
    local index, place = unpack_head(PLACES, followers.places, (number - 1) * PLACES_SIZE + 1)
    local group = groups[field]
    if type(group) ~= 'table' then
        group = {definition = followers.definition, field = field, parents = NONE, place = place}
        groups[field] = group
    end
    local id = ('%s.%d'):format(tools.batch_name, index)
    contribute(group, {time = time, weight = weight, rule = rule, value = 0, marks = EVENT + marks,
                       zone = zone, event = {index = index, time = time, count = weight, id = id}})
end

-- Numbers of the followers whose group may have a window.
local function candidates_of(followers, prefixes)
    local found, packed = {}, followers.prefixes
    for from = 0, #packed / PREFIX_SIZE - 1, PREFIXES_AT_ONCE do
        local count = min(PREFIXES_AT_ONCE, #packed / PREFIX_SIZE - from)
        local numbers = {unpack_head(PREFIXES[count], packed, from * PREFIX_SIZE + 1)}
        for i = 1, count do
            if prefixes[numbers[i]] then insert(found, from + i) end
        end
    end
    return found
end

-- Adds the groups of followers that are known, as true.
local function add_known_groups(store, followers, groups)
    local fields, list = {}, followers.list
    for _, number in ipairs(candidates_of(followers, leaders_of(store).prefixes)) do
        local at = (number - 1) * FOLLOWER_SIZE + 1
        insert(fields, list:sub(at, at + FIELD_SIZE - 1))
    end
    for from = 1, #fields, AT_ONCE do
        local to = min(from + AT_ONCE - 1, #fields)
        local windows = call('HMGET', store.name, unpack(fields, from, to))
        for i = from, to do
            if windows[i - from + 1] then groups[fields[i]] = groups[fields[i]] or true end
        end
    end
end

-- Of the followers of a batch, those whose groups are known go there; the others are listed.
local function place_followers(followers, groups)
    local store, list = store_of(followers.definition), followers.list
    add_known_groups(store, followers, groups)
    local placed, known = {}, {}
    for field in pairs(groups) do insert(known, field) end
    for _, field in ipairs(known) do
        local at, from = next_follower(list, field, 1, FOLLOWER_SIZE)
        while at do
            placed[(at - 1) / FOLLOWER_SIZE + 1] = true
            lead_on(followers, (at - 1) / FOLLOWER_SIZE + 1, field, groups)
            at, from = next_follower(list, field, from, FOLLOWER_SIZE)
        end
    end
    if next(placed) then
        local left = {}
        for number = 1, #list / FOLLOWER_SIZE do
            if not placed[number] then
                insert(left, list:sub((number - 1) * FOLLOWER_SIZE + 1, number * FOLLOWER_SIZE))
            end
        end
        list = concat(left)
    end
    if #list > 0 then store.followers, store.followed = list, followers.newest end
end

-- The lists that may hold followers of a group from some time on; each is read once.
local function lists_from(definition, from)
    local identity = definition[IDENTITY]
    local names = call('ZRANGEBYSCORE', key.correlation_followed:format(identity), from, '+inf', 'LIMIT', 0,
                       FOLLOWERS_AT_ONCE)
    local found = {}
    for _, name in ipairs(names) do
        if lists[identity .. name] == nil then
            lists[identity .. name] = call('HGET', key.correlation_followers:format(identity), name)
        end
        insert(found, lists[identity .. name] or '')
    end
    return found
end

-- A group's first contribution of rule 1, or an earlier one, takes the followers behind it out of the
-- lists; from `pulled` on that was done before.
local function pull(group, pulled)
    local definition, from = group.definition, ALWAYS
    for _, entry in ipairs(group.fresh) do
        if entry.rule == 1 then from = min(from, entry.time) end
    end
    if from >= pulled then return end
    group.pulled = from
    for _, list in ipairs(lists_from(definition, from)) do
        local at, after = next_follower(list, group.field, 1, FOLLOWER_SIZE)
        while at do
            local time, weight, rule, zone, marks = unpack_head(FOLLOWER, list, at + FIELD_SIZE)
            if time >= from and time < pulled then
                if group.earlier == NONE then group.earlier = {} end
                insert(group.earlier, {time = time, weight = weight, rule = rule, value = 0,
                                       marks = EVENT + marks, zone = zone})
            end
            at, after = next_follower(list, group.field, after, FOLLOWER_SIZE)
        end
    end
end

-- Followers that came too early for any late contribution are forgotten; so are those beyond the bound.
local function forget_followers(store)
    local name = key.correlation_followed:format(store.definition[IDENTITY])
    local gone = call('ZRANGEBYSCORE', name, '-inf',
                      '(' .. ('%d'):format(store.followed - store.definition[LATENESS]), 'LIMIT', 0,
                      PURGED_AT_ONCE)
    local held = call('ZCARD', name)
    store.first_followers = held == 0
    local over = held - #gone + 1 - FOLLOWERS_MAX
    if over > 0 then
        local lost = 0
        for _, list in ipairs(call('ZRANGE', name, #gone, #gone + over - 1)) do
            lost = lost + call('HSTRLEN', key.correlation_followers:format(store.definition[IDENTITY]),
                               list) / FOLLOWER_SIZE
            insert(gone, list)
        end
        add(key.ledger, 'contributions_evicted', lost)
    end
    store.unfollowed = gone
    call('HLEN', key.correlation_followers:format(store.definition[IDENTITY]))
end

-- 7. All of it --------------------------------------------------------------------------------------

-- A definition comes packed, the same in most batches.
local function definition_of(packed)
    if not known_definitions[packed] then
        if known_definition_count == DEFINITIONS_KEPT then
            known_definitions, known_definition_count = {}, 0
        end
        known_definitions[packed] = cmsgpack.unpack(packed)
        known_definition_count = known_definition_count + 1
    end
    return known_definitions[packed]
end

-- The definitions, groups and contributions of a batch.
local function take_batch()
    local definitions, groups, items, events, followers = unpack(given, 1, 5)
    local built, places = {}, {}
    for i, packed in ipairs(definitions) do definitions[i] = definition_of(packed) end
    for _, group in ipairs(groups) do
        built[group[1]] = {place = group[1], definition = definitions[group[2]], field = group[3],
                           episode = group[4], details = group[5], address = group[6], user = group[7], parents = {}}
    end
    for _, group in ipairs(groups) do
        local parents = group[8]
        for at = 1, #parents, 3 do
            insert(built[group[1]].parents, {group = built[parents[at]], rule = parents[at + 1],
                                             value = parents[at + 2]})
        end
    end
    for i = 1, #events, 5 do
        local index, time, count, id, zone = unpack(events, i, i + 4)
        insert(places, {index = index, time = time, count = count, id = id, zone = zone})
    end
    for i = 1, #items, 5 do
        local event = places[items[i]]
        contribute(built[items[i + 1]],
                   {time = event.time, weight = event.count, rule = items[i + 2], value = items[i + 3],
                    marks = EVENT + items[i + 4], zone = event.zone, event = event})
    end
    for _, list in ipairs(followers) do
        local definition = definitions[list[1]]
        local depth = definition[DEPTH]
        layers[depth] = layers[depth] or {}
        batch_followers[definition] = {definition = definition, newest = list[2], list = list[3],
                                       places = list[4], prefixes = list[5]}
    end
    for _, definition in ipairs(definitions) do
        if definition[WAITS] then new_definitions = definitions end
    end
end

-- Groups whose wait is over; what is left of one that is gone is forgotten.
local function take_due()
    for _, member in ipairs(call('ZRANGEBYSCORE', key.correlations_due, '-inf', now_ms, 'LIMIT', 0,
                                 SETTLED_AT_ONCE)) do
        local identity, field = member:sub(1, 16), member:sub(17)
        local packed = call('HGET', key.correlation:format(identity), field)
        local stored = packed and select(2, unpack_window(packed))
        local group = stored and unpack_group(stored)
        if group then schedule(group) else insert(orphans, member) end
    end
end

-- Makes room for new groups: those whose time is over go, then, of the oldest, those farthest from
-- firing. A score is the end of a group's time, and its level in the last digit.
local function make_room(store)
    local held = call('ZCARD', store.queue)
    store.is_first = held == 0
    if store.new == 0 then return end
    local gone = call('ZRANGEBYSCORE', store.queue, '-inf', now_ms * LEVELS, 'LIMIT', 0,
                      PURGED_AT_ONCE + store.new)
    for _, field in ipairs(gone) do
        if not store.fields[field] then insert(store.forgets, field) end
    end
    local over = held - #store.forgets + store.new - tools.groups_max
    if over <= 0 then return end
    local oldest, sample = call('ZRANGE', store.queue, #gone, #gone + EVICTION_SAMPLE + 2 * over,
                                'WITHSCORES'), {}
    for i = 1, #oldest, 2 do
        local score = tonumber(oldest[i + 1])
        if not store.fields[oldest[i]] then
            insert(sample, {field = oldest[i], level = score % LEVELS, score = score})
        end
    end
    table.sort(sample, function(a, b)
        if a.level ~= b.level then return a.level < b.level end
        return a.score < b.score
    end)
    local victims = min(over + EVICT_EXTRA, #sample)
    for i = 1, victims do insert(store.forgets, sample[i].field) end
    add(key.ledger, 'correlation_groups_evicted', victims)
    add(key.correlation_evictions, store.definition[RULE_ID], victims)
end

-- A group of which only followers came is told what it says.
local function read_window(group, stored)
    local said
    if stored then
        group.window, said = unpack_window(stored)
    else
        group.window = new_window()
    end
    if not group.episode then
        group.episode, group.details, group.address, group.user = unpack(said, 3, 6)
    end
end

-- Judges a group, and stores what comes of it.
local function process(store, group, stored)
    group.is_new = not stored
    local definition = group.definition
    if has_followers(definition) then
        pull(group, stored and select(3, unpack_head(HEAD, stored)) or ALWAYS)
    end
    local packed, due, score = append(store, group, stored)
    if packed then return keep(store, group, packed, due, score) end
    read_window(group, stored)
    group.window.pulled = min(group.window.pulled, group.pulled or ALWAYS)
    merge(group)
    judge(group)
    trim(group)
    score = score_of(store, group.level, 0)
    packed, due = pack_window(group, group.window, score)
    keep(store, group, packed, due, score)
    if definition[RAISES] then
        for _, run in ipairs(group.runs) do raise(group, run) end
    end
end

-- The groups of one depth, by what they are stored in.
local function process_layer(layer, depth)
    for definition, followers in pairs(batch_followers) do
        if definition[DEPTH] == depth then
            local groups = {}
            for _, group in ipairs(layer) do
                if group.definition == definition then groups[group.field] = group end
            end
            place_followers(followers, groups)
        end
    end
    local by_definition = {}
    for _, group in ipairs(layer) do
        local list = by_definition[group.definition] or {}
        by_definition[group.definition] = list
        insert(list, group)
    end
    for definition, list in pairs(by_definition) do
        local store = store_of(definition)
        for from = 1, #list, AT_ONCE do
            local to, fields = min(from + AT_ONCE - 1, #list), {}
            for i = from, to do insert(fields, list[i].field) end
            local values = call('HMGET', store.name, unpack(fields))
            for i = from, to do process(store, list[i], values[i - from + 1]) end
        end
    end
end

-- Sets the lifetime of a key that is new, or whose lifetime was set some time ago.
local function refresh(name, lives_ms, is_new)
    local since = now_ms - (refreshed[name] or 0)
    if not is_new and since >= 0 and since < lives_ms / REFRESH_PARTS then return end
    if not refreshed[name] then
        if refreshed_count == REFRESHED_KEPT then refreshed, refreshed_count = {}, 0 end
        refreshed_count = refreshed_count + 1
    end
    refreshed[name] = now_ms
    call('PEXPIRE', name, lives_ms)
end

-- Groups of rules in order were added: the version says so.
local function write_version(store)
    versions = versions + 1
    store.leads.version = ('%s:%d'):format(tools.publisher, versions)
    call('SET', store.version, store.leads.version, 'PX', store.lives_ms)
    -- Those that went are forgotten with the next reading, which comes when they are too many.
    store.leads.gone = (store.leads.gone or 0) + #store.forgets
    if store.leads.gone > tools.groups_max then leaders[store.name].version = false end
end

local function write_followers(store)
    local identity = store.definition[IDENTITY]
    local lists_name = key.correlation_followers:format(identity)
    local order_name = key.correlation_followed:format(identity)
    each_part(store.unfollowed, 'HDEL', lists_name)
    each_part(store.unfollowed, 'ZREM', order_name)
    call('HSET', lists_name, tools.batch_name, store.followers)
    call('ZADD', order_name, store.followed, tools.batch_name)
    refresh(lists_name, store.lives_ms, store.first_followers)
    refresh(order_name, store.lives_ms, store.first_followers)
end

-- Stores the windows. Nothing else writes.
local function write()
    for _, store in pairs(stores) do
        for _, field in ipairs(store.forgets) do
            insert(store.settled, store.definition[IDENTITY] .. field)
        end
        each_part(store.pairs, 'HSET', store.name)
        each_part(store.scores, 'ZADD', store.queue)
        each_part(store.forgets, 'HDEL', store.name)
        each_part(store.forgets, 'ZREM', store.queue)
        if store.definition[WAITS] then
            each_part(store.dues, 'ZADD', key.correlations_due)
            each_part(store.settled, 'ZREM', key.correlations_due)
        end
        if #store.pairs > 0 then
            refresh(store.name, store.lives_ms, store.is_first)
            refresh(store.queue, store.lives_ms, store.is_first)
        end
        if store.leads then write_version(store) end
        if store.followers then write_followers(store) end
    end
    for _, definition in ipairs(new_definitions) do
        call('SET', key.correlation_definition:format(definition[IDENTITY]), pack(definition), 'PX',
             2 * (definition[TIMESPAN] + definition[LATENESS] + OUTAGE_MS))
    end
    each_part(orphans, 'ZREM', key.correlations_due)
end

-- What to answer for events of this batch that came to belong: index, group, incident, whether an alert
-- was queued, for each.
local function answers(incident_of, queued)
    local list, n = {}, 0
    for i = 1, #belonging, 2 do
        local run = belonging[i + 1]
        list[n + 1], list[n + 2] = belonging[i].index, run.group.place
        list[n + 3], list[n + 4] = incident_of(run.place).id, queued[run.place] and 1 or 0
        n = n + 4
    end
    return list
end

-- The beginning of the message of a row, as the batch has it of its own threats.
local function head(place)
    local run = raised[place]
    local group, event = run.group, run.event
    local definition = group.definition
    local count = threat_pairs + (group.address and 1 or 0) + (group.user and 1 or 0)
    local text = '\222\0' .. string.char(count) .. pack('version', 1, 'publisher', tools.publisher) ..
        pack('event_id', event.id, 'timestamp', rfc3339(event.time)) ..
        pack('event_type', definition[EVENT_TYPE], 'severity', definition[SEVERITY]) ..
        pack('count', event.count, 'threat_details', group.details) .. definition[RULES]
    if group.address then text = text .. pack('source_ip', group.address) end
    if group.user then text = text .. pack('username', group.user) end
    return text
end

local result = {write = write, answers = answers, head = head}

return function(of_batch, of_commit)
    given, tools, add, now_ms = of_batch, of_commit, of_commit.add, tonumber(of_commit.now_ms)
    layers, stores, raised, belonging, day_texts = {}, {}, {}, {}, {}
    stored_definitions, new_definitions, unpacked, batch_followers, lists, orphans = {}, {}, {}, {}, {}, {}
    if given then take_batch() else take_due() end
    for depth = 0, DEPTH_MAX do
        if layers[depth] then process_layer(layers[depth], depth) end
    end
    for _, store in pairs(stores) do
        make_room(store)
        if store.followers then forget_followers(store) end
        if store.definition[WAITS] then call('ZCARD', key.correlations_due) end
    end
    return result
end
