-- correlation.lua: the windows of correlations, for commit.lua, which it stands in front of.
--
-- What is stored of a group (events of one correlation with the same values) is its contributions, in the
-- order of their times. A contribution fires when the condition holds for the window that ends with it:
-- all contributions of the last timespan, both ends included. Then the whole window belongs to an
-- incident. Which contributions fire, and which belong, follows from all of them as a set; so it is the
-- same in any order of arrival, as long as nothing comes later than the lateness bound and nothing is
-- evicted. A correlation whose condition more contributions can undo waits: a contribution is judged when
-- what may still come is younger, or has had its time. commit.lua calls it for batches with contributions,
-- and to judge what waited.

-- given    definitions, groups, items, events, as commit_correlations.c packs them; or false, to judge what
--          waited until now
-- tools    of commit.lua: add, names, sums, days, threats, spans, rules, now_ms, groups_max, kept_days
-- answer   write(), which stores everything; answers(incident_of) for the events that came to belong to
--          an incident now; head(threat), the beginning of a row's message
local function correlate(given, tools)
    local call, pack = redis.call, cmsgpack.pack
    local floor_of, ceil, min, max, has = math.floor, math.ceil, math.min, math.max, bit.band
    local insert, remove, ipairs, pairs = table.insert, table.remove, ipairs, pairs
    local tonumber, unpack = tonumber, unpack
    local WINDOW_MAX = 1024         -- contributions of a group; beyond it the oldest go
    local SETTLED_AT_ONCE = 64      -- groups whose wait is over
    local AT_ONCE = 500             -- fields in a call
    local OUTAGE_MS = 3600000       -- windows outlive their time by this, so that an outage loses none
    local PURGED_AT_ONCE = 64       -- groups whose time is over
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

    local add, now_ms = tools.add, tonumber(tools.now_ms)
    local layers = {}               -- by depth: groups with something to do
    local stores = {}               -- hashes to write, with what to write
    local raised = {}               -- by place among the threats: group and run
    local belonging = {}            -- events of this batch that came to belong, and their runs

    -- 1. Time -------------------------------------------------------------------------------------------

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
                     definition = definition, keeps = {}, forgets = {}, fields = {},
                     lives_ms = definition[TIMESPAN] + definition[LATENESS] + OUTAGE_MS}
            stores[name] = store
        end
        return store
    end

    -- Gives a group something to do in its layer.
    local function schedule(group)
        if not group.fresh then
            group.fresh, group.runs = {}, {}
            local depth = group.definition[DEPTH]
            layers[depth] = layers[depth] or {}
            insert(layers[depth], group)
        end
        return group
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

    local stored_definitions, new_definitions = {}, {}
    local function stored_definition(identity)
        if stored_definitions[identity] == nil then
            local packed = call('GET', key.correlation_definition:format(identity))
            stored_definitions[identity] = packed and cmsgpack.unpack(packed) or false
        end
        return stored_definitions[identity]
    end

    local unpacked = {}             -- by identity and field, so that a group is met once
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
        return {newest = 0, times = {}, weights = {}, marks = {}, zones = {}, rules = {}, values = {},
                dues = {}, ids = {}, events = {}, count = 0}
    end

    -- Times are stored as what they are before the newest.
    local function unpack_window(packed)
        local stored = cmsgpack.unpack(packed)
        local window, times = new_window(), stored[2]
        window.newest, window.times, window.weights, window.marks, window.zones, window.rules,
            window.values, window.dues, window.ids = unpack(stored, 1, 9)
        for i = 1, #times do times[i] = window.newest - times[i] end
        window.count = #times
        return window, stored[10]
    end

    local function pack_window(group, window)
        local offsets, times, newest = {}, window.times, window.newest
        for i = 1, window.count do offsets[i] = newest - times[i] end
        return pack({newest, offsets, window.weights, window.marks, window.zones, window.rules,
                     window.values, window.dues, window.ids,
                     group.definition[WAITS] and pack_group(group) or nil})
    end

    local function load_windows(groups)
        local by_store = {}
        for _, group in ipairs(groups) do
            local store = store_of(group.definition)
            by_store[store] = by_store[store] or {}
            insert(by_store[store], group)
        end
        for store, list in pairs(by_store) do
            for from = 1, #list, AT_ONCE do
                local fields = {}
                for i = from, min(from + AT_ONCE - 1, #list) do insert(fields, list[i].field) end
                local values = call('HMGET', store.name, unpack(fields))
                for i, value in ipairs(values) do
                    local group = list[from + i - 1]
                    group.is_new = not value
                    group.window = value and unpack_window(value) or new_window()
                end
            end
        end
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

    -- Puts the fresh contributions among the others.
    local function merge(window, definition, fresh)
        table.sort(fresh, precedes)
        for _, entry in ipairs(fresh) do
            if entry.time < window.newest - definition[LATENESS] then
                add(key.ledger, 'contributions_late', 1)
            end
            entry.due = now_ms + definition[LATENESS]
            entry.id = entry.event.id
        end
        window.newest = max(window.newest, fresh[#fresh].time)
        local at = window.count + 1
        while at > 1 and window.times[at - 1] >= fresh[1].time do at = at - 1 end
        local behind = {}
        for i = at, window.count do insert(behind, take(window, i)) end
        local i, j = 1, 1
        while i <= #fresh or j <= #behind do
            local is_fresh = not behind[j] or (fresh[i] and precedes(fresh[i], behind[j]))
            local entry = is_fresh and fresh[i] or behind[j]
            put(window, definition, at, entry)
            if is_fresh then i = i + 1 else j = j + 1 end
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

    -- 4. Firing -----------------------------------------------------------------------------------------

    local function count_name(set, name, events, expire_at)
        if not name then return end
        local list, at = tools.names[set], 1
        if not list then
            list = {names = {}, amounts = {}, expire_at = expire_at}
            tools.names[set] = list
        end
        while list.names[at] and list.names[at] ~= name do at = at + 1 end
        list.names[at], list.amounts[at] = name, (list.amounts[at] or 0) + events
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
        local event = window.events[at] or trigger or
            {id = window.ids[at], time = window.times[at], count = window.weights[at]}
        for _, parent in ipairs(group.parents) do
            contribute(parent.group, {time = window.times[at], weight = 1, rule = parent.rule,
                                      value = parent.value, marks = EVENT + has(marks, OWN),
                                      zone = window.zones[at], event = event})
        end
    end

    -- The window from `low` to `high` fires, `first` to `high` being of its last moment. Windows that
    -- overlap make one run.
    local function fire(group, low, first, high, trigger)
        local window, runs = group.window, group.runs
        local times = window.times
        local run = runs[#runs]
        if not run or times[low] > run.to then
            run = {from = times[low], zone = window.zones[low], at = times[first], count = 0, group = group,
                   event = trigger or {id = window.ids[high], time = times[high],
                                       count = window.weights[high]}}
            insert(runs, run)
        end
        run.to = times[first]
        for at = max(low, (group.marked or 0) + 1), high do belong(group, window, at, run) end
        group.marked = high
        for at = first, high do pass_on(group, window, at, trigger) end
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
        local times, waits, timespan = window.times, definition[WAITS], definition[TIMESPAN]
        local enter, leave, measure, seen = measures[definition[KIND]](definition, window)
        local first, trigger, trigger_at, highest = first_to_judge(group), nil, 0, 0
        local low = first
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
                    fire(group, low, first, high, trigger_at >= low and trigger)
                end
            end
            first = high + 1
        end
        group.level = level_of(definition, highest)
    end

    -- 5. What stays -------------------------------------------------------------------------------------

    local function cut(window, gone)
        local columns = {window.times, window.weights, window.marks, window.zones, window.rules,
                         window.values, window.dues, window.ids}
        for _, column in ipairs(columns) do
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

    local function trim(group)
        local definition, window = group.definition, group.window
        local horizon = window.newest - definition[TIMESPAN] - definition[LATENESS]
        local gone = 0
        while gone < window.count and window.times[gone + 1] < horizon do gone = gone + 1 end
        if gone > 0 then cut(window, gone) end
        if definition[QUANTUM] > 0 and not definition[WAITS] then coarsen(window) end
        local over = window.count - WINDOW_MAX
        if over > 0 then
            cut(window, over)
            add(key.ledger, 'contributions_evicted', over)
        end
    end

    local function keep(group)
        local store, window = store_of(group.definition), group.window
        local due = nil
        for at = 1, #window.dues do
            if window.dues[at] > 0 and (not due or window.dues[at] < due) then due = window.dues[at] end
        end
        store.is_waiting = store.is_waiting or group.definition[WAITS]
        insert(store.keeps, {field = group.field, packed = pack_window(group, window), due = due,
                             level = group.level, is_new = group.is_new})
        store.fields[group.field] = true
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

    -- 6. All of it --------------------------------------------------------------------------------------

    -- The definitions, groups and contributions of a batch.
    local function take_batch()
        local definitions, groups, items, events = unpack(given, 1, 4)
        local built, places = {}, {}
        for i, group in ipairs(groups) do
            built[i] = {definition = definitions[group[1]], field = group[2], episode = group[3],
                        details = group[4], address = group[5], user = group[6], parents = {}, place = i}
        end
        for i, group in ipairs(groups) do
            for at = 1, #group[7], 3 do
                insert(built[i].parents, {group = built[group[7][at]], rule = group[7][at + 1],
                                          value = group[7][at + 2]})
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
        for _, definition in ipairs(definitions) do
            if definition[WAITS] then new_definitions = definitions end
        end
    end

    -- Groups whose wait is over; what is left of one that is gone is forgotten.
    local orphans = {}
    local function take_due()
        for _, member in ipairs(call('ZRANGEBYSCORE', key.correlations_due, '-inf', now_ms, 'LIMIT', 0,
                                     SETTLED_AT_ONCE)) do
            local identity, field = member:sub(1, 16), member:sub(17)
            local packed = call('HGET', key.correlation:format(identity), field)
            local _, stored = nil, nil
            if packed then _, stored = unpack_window(packed) end
            local group = stored and unpack_group(stored)
            if group then schedule(group) else insert(orphans, member) end
        end
    end

    -- Makes room for new groups: those whose time is over go, then, of the oldest, those farthest from
    -- firing. A score is the end of a group's time, and its level in the last digit.
    local function make_room(store)
        local new = 0
        for _, kept in ipairs(store.keeps) do new = new + (kept.is_new and 1 or 0) end
        if new == 0 then return end
        local gone = call('ZRANGEBYSCORE', store.queue, '-inf', now_ms * LEVELS, 'LIMIT', 0,
                          PURGED_AT_ONCE + new)
        for _, field in ipairs(gone) do
            if not store.fields[field] then insert(store.forgets, field) end
        end
        local over = call('ZCARD', store.queue) - #store.forgets + new - tools.groups_max
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

    if given then take_batch() else take_due() end
    local deepest = 0
    for depth in pairs(layers) do deepest = max(deepest, depth) end
    local depth = 0
    while depth <= deepest do
        local groups = layers[depth] or {}
        load_windows(groups)
        for _, group in ipairs(groups) do
            if #group.fresh > 0 then merge(group.window, group.definition, group.fresh) end
            judge(group)
            trim(group)
            keep(group)
            if group.definition[RAISES] then
                for _, run in ipairs(group.runs) do raise(group, run) end
            end
        end
        for below in pairs(layers) do deepest = max(deepest, below) end
        depth = depth + 1
    end
    for _, store in pairs(stores) do make_room(store) end

    local self = {}

    -- Stores the windows. Nothing else writes.
    function self.write()
        for _, store in pairs(stores) do
            local pairs_, scores, dues, settled = {}, {}, {}, {}
            for _, kept in ipairs(store.keeps) do
                insert(pairs_, kept.field)
                insert(pairs_, kept.packed)
                insert(scores, (now_ms + store.lives_ms) * LEVELS + kept.level)
                insert(scores, kept.field)
                local member = store.definition[IDENTITY] .. kept.field
                if kept.due then
                    insert(dues, kept.due)
                    insert(dues, member)
                else
                    insert(settled, member)
                end
            end
            for _, field in ipairs(store.forgets) do
                insert(settled, store.definition[IDENTITY] .. field)
            end
            for from = 1, #pairs_, AT_ONCE do
                local to = min(from + AT_ONCE - 1, #pairs_)
                call('HSET', store.name, unpack(pairs_, from, to))
                call('ZADD', store.queue, unpack(scores, from, to))
            end
            for from = 1, #store.forgets, AT_ONCE do
                local to = min(from + AT_ONCE - 1, #store.forgets)
                call('HDEL', store.name, unpack(store.forgets, from, to))
                call('ZREM', store.queue, unpack(store.forgets, from, to))
            end
            if store.is_waiting then
                for from = 1, #dues, AT_ONCE do
                    call('ZADD', key.correlations_due, unpack(dues, from, min(from + AT_ONCE - 1, #dues)))
                end
                for from = 1, #settled, AT_ONCE do
                    call('ZREM', key.correlations_due,
                         unpack(settled, from, min(from + AT_ONCE - 1, #settled)))
                end
            end
            call('PEXPIRE', store.name, store.lives_ms)
            call('PEXPIRE', store.queue, store.lives_ms)
        end
        for _, definition in ipairs(new_definitions) do
            call('SET', key.correlation_definition:format(definition[IDENTITY]), pack(definition), 'PX',
                 2 * (definition[TIMESPAN] + definition[LATENESS] + OUTAGE_MS))
        end
        if #orphans > 0 then call('ZREM', key.correlations_due, unpack(orphans)) end
    end

    -- What to answer for events of this batch that came to belong: index, group, incident, whether an alert
    -- was queued, for each.
    function self.answers(incident_of, queued)
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
    function self.head(place)
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

    return self
end
