-- correlation_trim.lua: what stays of a window after it was judged. Contributions beyond WINDOW_MOST go: the oldest
-- first, but the last of each value or rule stays, so that repetitions hide nothing; which times windows covered that
-- fired is remembered.

local ceil, min, max, has = math.ceil, math.min, math.max, bit.band
local remove = table.remove
local ipairs, next, pairs = ipairs, next, pairs

local KIND, TIMESPAN, LATENESS, WAITS, COMPARISONS, IN_ORDER, RULE_COUNT, QUANTUM =
    terms.KIND, terms.TIMESPAN, terms.LATENESS, terms.WAITS, terms.COMPARISONS, terms.IN_ORDER, terms.RULE_COUNT,
    terms.QUANTUM
local BELONGS, EVENT, present, needs_rules = terms.BELONGS, terms.EVENT, terms.present, terms.needs_rules

local WINDOW_LEAST, WINDOW_MOST = 32, 2048 -- contributions of a group
local COVERED_MAX = 16          -- stretches of time in which everything belongs

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

local function evict_oldest(window, over)
    local lost = 0
    for at = 1, over do
        if has(window.marks[at], BELONGS) == 0 then lost = lost + 1 end
    end
    cut(window, over)
    if lost > 0 then present.add(key.ledger, 'contributions_evicted', lost) end
end

-- Lets so many contributions go: the oldest that are not needed, and when these are too few the oldest.
local function evict(group, over)
    local window, needed, gone, lost, kept = group.window, needed_of(group), {}, 0, 0
    if not next(needed) then return evict_oldest(window, over) end
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
    if lost > 0 then present.add(key.ledger, 'contributions_evicted', lost) end
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

return trim
