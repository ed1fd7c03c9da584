-- correlation_windows.lua: the window of a group, as it is stored and as it is worked on: columns of contributions
-- in their order.
--
--   stored    head: struct of newest time, bound, pulled, oldest unjudged, due, covered, score, mask, bytes and
--             number of the tail; tail: MessagePack numbers and texts, RECORD of them for each; body: a MessagePack
--             array, or nothing
--   bound     what no measure of any window can exceed: of counts and sums
--   mask      the rules seen, as bits
--   pulled    from when on followers were taken out of the list
--   covered   up to when windows fired
--   score     the group's among the others: the end of its time, and in the last digit how near it is to firing

local pack = cmsgpack.pack
local floor_of, min, max = math.floor, math.min, math.max
local insert = table.insert
local ipairs, unpack = ipairs, unpack
local pack_head, unpack_head = struct.pack, struct.unpack

local IDENTITY, KIND, LATENESS, WAITS = terms.IDENTITY, terms.KIND, terms.LATENESS, terms.WAITS
local ALWAYS, present = terms.ALWAYS, terms.present
local has_followers, needs_rules = terms.has_followers, terms.needs_rules

local HEAD, HEAD_SIZE = '<dddddddI4I2I2', 64
local RECORD = 8                -- values of a contribution in a tail

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

local function bound_of(definition, window)
    local weights, values, bound = window.weights, window.values, 0
    if definition[KIND] == 'event_count' then
        for i = 1, window.count do bound = bound + weights[i] end
    elseif definition[KIND] == 'value_sum' then
        for i = 1, window.count do bound = bound + max(values[i], 0) end
    else
        bound = window.count
    end
    return bound
end

local function add_to_mask(mask, rule)
    local bit_of_rule = 2 ^ (rule - 1)
    if rule == 0 or floor_of(mask / bit_of_rule) % 2 == 1 then return mask end
    return mask + bit_of_rule
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
    local bound, mask, oldest, due, covered = bound_of(definition, window), 0, 0, 0, 0
    local offsets, times, newest, rules = {}, window.times, window.newest, window.rules
    for i = 1, window.count do offsets[i] = newest - times[i] end
    for i = 1, #rules do mask = add_to_mask(mask, rules[i]) end
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
            present.add(key.ledger, 'contributions_late', 1)
        end
        entry.due = present.now_ms + definition[LATENESS]
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

return {HEAD = HEAD, HEAD_SIZE = HEAD_SIZE, new = new_window, NO_WINDOW = NO_WINDOW, unpack = unpack_window,
        pack = pack_window, pack_body = pack_body, merge = merge, amount_of = amount_of,
        add_to_mask = add_to_mask}
