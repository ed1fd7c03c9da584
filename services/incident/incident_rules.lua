-- incident_rules.lua: the rules of an incident, a JSON array by id; and texts in an order that is the same everywhere.

local min, insert, concat = math.min, table.insert, table.concat
local ipairs = ipairs

local RULES_MAX = 64            -- of an incident; the smallest ids stay

local united                    -- arrays of rules, by the two they are made of

local function begin_batch()
    united = {}
end

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

-- The rules of two arrays by their ids, and the ids in order.
local function collect(a, b)
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
    return by_id, ids
end

-- Two arrays of rules as one, by id, with the tags of all and the title of the gravest.
local function unite(a, b)
    local memo = a .. b
    if united[memo] then return united[memo] end
    local by_id, ids = collect(a, b)
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

return {begin_batch = begin_batch, precedes = precedes, smaller = smaller, unite = unite}
