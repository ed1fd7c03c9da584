-- correlation_measures.lua: what is measured of the contributions of a window, and whether that is what a correlation
-- asks for. Pure.

local floor_of, min, max = math.floor, math.min, math.max
local insert, remove = table.insert, table.remove
local ipairs = ipairs

local TIMESPAN, WAITS, COMPARISONS, EXPRESSION, IN_ORDER, PERCENTILE, RULE_COUNT =
    terms.TIMESPAN, terms.WAITS, terms.COMPARISONS, terms.EXPRESSION, terms.IN_ORDER,
    terms.PERCENTILE, terms.RULE_COUNT
local LEVELS, needs_rules = terms.LEVELS, terms.needs_rules

-- By kind: what makes of a definition and a window how a contribution enters and leaves, and what is measured then.
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

return {of = measures, holds = holds, level_of = level_of, could_fire = could_fire}
