-- correlation_fire.lua: judges a window moment by moment: which contributions fire, which belong to what fired, what
-- that counts, passes on to other groups, and raises.

local pack = cmsgpack.pack
local floor_of, min, max, has = math.floor, math.min, math.max, bit.band
local insert = table.insert
local ipairs = ipairs

local KIND, TIMESPAN, LATENESS, WAITS, RAISES, IN_ORDER, SEVERITY, EVENT_TYPE, TITLE, TITLE_NAME, RULE_JSON, RULES,
    TOPIC, RULE_ID = terms.KIND, terms.TIMESPAN, terms.LATENESS, terms.WAITS, terms.RAISES, terms.IN_ORDER,
    terms.SEVERITY, terms.EVENT_TYPE, terms.TITLE, terms.TITLE_NAME, terms.RULE_JSON, terms.RULES, terms.TOPIC,
    terms.RULE_ID
local OWN, SAME, BELONGS, FIRED, EVENT = terms.OWN, terms.SAME, terms.BELONGS, terms.FIRED, terms.EVENT
local NONE, present = terms.NONE, terms.present
local rfc3339, local_day, local_hour = clock.rfc3339, clock.local_day, clock.local_hour
local holds, level_of = measures.holds, measures.level_of
local store_of, contribute_behind = groups.store_of, groups.contribute_behind

local function count_name(set, name, events, expire_at)
    if not name then return end
    local list = present.tools.names[set]
    if not list then
        list = {names = {}, amounts = {}, expire_at = expire_at}
        present.tools.names[set] = list
    end
    local at = #list.names + 1
    list.names[at], list.amounts[at] = name, events
end

-- Statistics of events that were no threats by themselves.
local function tally(group, time, zone, events)
    local definition = group.definition
    local text, expire_at = local_day(time, zone, present.tools.kept_days)
    local day, types = key.day:format(text), key.day_types:format(text)
    local hour = local_hour(time, zone)
    present.add(day, day_field.THREATS, events)
    present.add(day, day_field.THREAT_HOUR:format(hour), events)
    present.add(day, day_field.SEVERITY:format(definition[SEVERITY]), events)
    present.add(types, definition[EVENT_TYPE], events)
    present.tools.sums[day].expire_at, present.tools.sums[types].expire_at = expire_at, expire_at
    present.add(key.ledger, 'threats', events)
    count_name(key.day_addresses:format(text), group.address, events, expire_at)
    if group.address then present.tools.add_to_week(text, {group.address}, {events}) end
    count_name(key.day_users:format(text), group.user, events, expire_at)
end

-- The contribution at `at` comes to belong to a run.
local function belong(group, window, at, run)
    local marks = window.marks[at]
    if has(marks, BELONGS) ~= 0 then return end
    window.marks[at] = marks + BELONGS
    local events, event = floor_of(marks / EVENT), window.events[at]
    present.add(key.rule_hits, group.definition[RULE_ID], events)
    present.tools.sums[key.rule_hits].fields_max = present.tools.rules_counted_max
    if group.definition[RAISES] then
        if has(marks, SAME) == 0 then run.count = run.count + window.weights[at] end
        if has(marks, OWN) == 0 then tally(group, window.times[at], window.zones[at], events) end
        if event and event.index then
            insert(present.belonging, event)
            insert(present.belonging, run)
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
        if window.dues[at] > 0 and (is_old or window.dues[at] <= present.now_ms) then
            window.dues[at], found = 0, true
        end
    end
    return found
end

local function judge(group)
    local definition, window = group.definition, group.window
    local times, rules, waits, timespan = window.times, window.rules, definition[WAITS], definition[TIMESPAN]
    local enter, leave, measure, seen = measures.of[definition[KIND]](definition, window)
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

-- A row among the threats: where it begins, how far it goes, and what it says.
local function raise(group, run)
    local definition, threats = group.definition, present.tools.threats
    local text, expire_at = local_day(run.from, run.zone, present.tools.kept_days)
    local day = 1
    while present.tools.days[day] and present.tools.days[day][1] ~= text do day = day + 1 end
    present.tools.days[day] = present.tools.days[day] or {text, expire_at}
    local rule = 1
    while present.tools.rules[rule] and present.tools.rules[rule] ~= definition[RULE_JSON] do rule = rule + 1 end
    present.tools.rules[rule] = definition[RULE_JSON]
    local row = {-1, run.from, run.count, definition[SEVERITY], definition[EVENT_TYPE], group.episode,
                 group.details, group.address, group.user, definition[TITLE], definition[TITLE_NAME],
                 rule, day, run.event.id, definition[TOPIC], false}
    local place = #threats[1] + 1
    for i, column in ipairs(threats) do column[place] = row[i] end
    present.tools.spans[place] = {at = run.at, to = run.to, kept_ms = store_of(definition).lives_ms}
    present.raised[place], run.place = run, place
end

-- The beginning of the message of a row, as the batch has it of its own threats.
local function head(place)
    local run = present.raised[place]
    local group, event = run.group, run.event
    local definition = group.definition
    local count = threat_pairs + (group.address and 1 or 0) + (group.user and 1 or 0)
    local text = '\222\0' .. string.char(count) .. pack('version', 1, 'publisher', present.tools.publisher) ..
        pack('event_id', event.id, 'timestamp', rfc3339(event.time)) ..
        pack('event_type', definition[EVENT_TYPE], 'severity', definition[SEVERITY]) ..
        pack('count', event.count, 'threat_details', group.details) .. definition[RULES]
    if group.address then text = text .. pack('source_ip', group.address) end
    if group.user then text = text .. pack('username', group.user) end
    return text
end

return {judge = judge, raise = raise, head = head}
