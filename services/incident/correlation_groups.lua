-- correlation_groups.lua: groups (events of one correlation with the same values), what they contribute to, and the
-- hashes they are stored in.

local call = redis.call
local ceil, insert, ipairs = math.ceil, table.insert, ipairs

local IDENTITY, TIMESPAN, LATENESS, QUANTUM, DEPTH =
    terms.IDENTITY, terms.TIMESPAN, terms.LATENESS, terms.QUANTUM, terms.DEPTH
local EVENT, NONE, LEVELS, OUTAGE_MS, present = terms.EVENT, terms.NONE, terms.LEVELS, terms.OUTAGE_MS, terms.present
local needs_rules = terms.needs_rules

local REFRESHED_KEPT = 4096     -- keys whose lifetime was set anew,
local REFRESH_PARTS = 16        -- which is done when a part of it is over

-- Kept between calls: when keys' lifetimes were set, by name.
local refreshed, refreshed_count = {}, 0

-- Of the present batch.
local stored_definitions        -- by identity
local unpacked                  -- groups by identity and field, so that each is met once

local function begin()
    stored_definitions, unpacked = {}, {}
end

local function store_of(definition)
    local name = key.correlation:format(definition[IDENTITY])
    local store = present.stores[name]
    if not store then
        store = {name = name, queue = key.correlation_groups:format(definition[IDENTITY]),
                 version = key.correlation_leaders:format(definition[IDENTITY]),
                 definition = definition, pairs = {}, scores = {}, dues = {}, settled = {},
                 forgets = {}, fields = {}, new = 0,
                 lives_ms = definition[TIMESPAN] + definition[LATENESS] + OUTAGE_MS}
        present.stores[name] = store
    end
    return store
end

-- Gives a group something to do in its layer.
local function schedule(group)
    if not group.fresh then
        group.fresh, group.runs, group.earlier = {}, NONE, NONE
        local depth = group.definition[DEPTH]
        present.layers[depth] = present.layers[depth] or {}
        insert(present.layers[depth], group)
    end
    return group
end

local function contribute(group, entry)
    local quantum = group.definition[QUANTUM]
    if not needs_rules(group.definition) then entry.rule = 0 end
    if quantum > 0 then entry.time = ceil(entry.time / quantum) * quantum end
    insert(schedule(group).fresh, entry)
end

-- What a contribution that fires does to the groups behind.
local function contribute_behind(group, time, own, zone, event)
    for _, parent in ipairs(group.parents) do
        contribute(parent.group, {time = time, weight = 1, rule = parent.rule, value = parent.value,
                                  marks = EVENT + own, zone = zone, event = event})
    end
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

-- The score of a group now; the one it had while that does as well.
local function score_of(store, level, had)
    local score = (present.now_ms + store.lives_ms) * LEVELS + level
    local is_near = had % LEVELS == level and score - had < store.lives_ms
    return is_near and had or score
end

-- Sets the lifetime of a key that is new, or whose lifetime was set some time ago.
local function refresh(name, lives_ms, is_new)
    local since = present.now_ms - (refreshed[name] or 0)
    if not is_new and since >= 0 and since < lives_ms / REFRESH_PARTS then return end
    if not refreshed[name] then
        if refreshed_count == REFRESHED_KEPT then refreshed, refreshed_count = {}, 0 end
        refreshed_count = refreshed_count + 1
    end
    refreshed[name] = present.now_ms
    call('PEXPIRE', name, lives_ms)
end

return {begin = begin, store_of = store_of, schedule = schedule, contribute = contribute,
        contribute_behind = contribute_behind, unpack = unpack_group, score_of = score_of, refresh = refresh}
