-- correlation.lua: the windows of correlations, for commit.lua.
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
-- put behind the others as they come (the tail; correlation_append.lua), and sorted in (the body;
-- correlation_windows.lua) only when the head of what is stored says that a window could fire; then it is judged
-- (correlation_fire.lua) and trimmed (correlation_trim.lua). Of rules in order, those behind the first wait in a
-- list by batch until their group has a contribution of the first rule (correlation_followers.lua).
--
-- begin() starts a call, take(given, tools) is called for each batch.
--
-- given    definitions, groups, items, events, followers, as commit_pack_correlations.c packs them; or false,
--          to judge what waited until now
-- tools    of commit.lua: what it sums up and lists, and the limits
-- answer   of take(): write(), which stores everything; answers(incident_of) for the events that came to belong to
--          an incident now; head(threat), the beginning of a row's message

local call, pack = redis.call, cmsgpack.pack
local min, insert = math.min, table.insert
local ipairs, pairs, select = ipairs, pairs, select
local tonumber, unpack = tonumber, unpack
local unpack_head = struct.unpack

local IDENTITY, TIMESPAN, LATENESS, WAITS, RAISES, DEPTH, RULE_ID =
    terms.IDENTITY, terms.TIMESPAN, terms.LATENESS, terms.WAITS, terms.RAISES, terms.DEPTH, terms.RULE_ID
local EVENT, LEVELS, ALWAYS, AT_ONCE, OUTAGE_MS, present =
    terms.EVENT, terms.LEVELS, terms.ALWAYS, terms.AT_ONCE, terms.OUTAGE_MS, terms.present
local has_followers, HEAD = terms.has_followers, windows.HEAD

local DEFINITIONS_KEPT = 1024
local PURGED_AT_ONCE = 64       -- groups whose time is over
local DEPTH_MAX = 8             -- as contribution.h has it
local EVICTION_SAMPLE = 128     -- groups, of the oldest, from which the farthest from firing go
local EVICT_EXTRA = 16

-- Kept between calls: definitions by how they are packed.
local known_definitions, known_definition_count = {}, 0

-- Of the present batch.
local new_definitions
local batch_followers           -- by definition
local orphans                   -- groups that waited, and are gone

-- 1. What there is to do ----------------------------------------------------------------------------

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
local function take_batch(given)
    local definitions, listed, items, events, following = unpack(given, 1, 5)
    local built, places = {}, {}
    for i, packed in ipairs(definitions) do definitions[i] = definition_of(packed) end
    for _, group in ipairs(listed) do
        built[group[1]] = {place = group[1], definition = definitions[group[2]], field = group[3],
                           episode = group[4], details = group[5], address = group[6], user = group[7], parents = {}}
    end
    for _, group in ipairs(listed) do
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
        groups.contribute(built[items[i + 1]],
                   {time = event.time, weight = event.count, rule = items[i + 2], value = items[i + 3],
                    marks = EVENT + items[i + 4], zone = event.zone, event = event})
    end
    for _, list in ipairs(following) do
        local definition = definitions[list[1]]
        local depth = definition[DEPTH]
        present.layers[depth] = present.layers[depth] or {}
        batch_followers[definition] = {definition = definition, newest = list[2], list = list[3],
                                       places = list[4], prefixes = list[5]}
    end
    for _, definition in ipairs(definitions) do
        if definition[WAITS] then new_definitions = definitions end
    end
end

-- Groups whose wait is over, as many as commit.lua is told; what is left of one that is gone is forgotten.
local function take_due()
    for _, member in ipairs(call('ZRANGEBYSCORE', key.correlations_due, '-inf', present.now_ms, 'LIMIT',
                                 present.tools.due_from, present.tools.due_count)) do
        local identity, field = member:sub(1, 16), member:sub(17)
        local packed = call('HGET', key.correlation:format(identity), field)
        local stored = packed and select(2, windows.unpack(packed))
        local group = stored and groups.unpack(stored)
        if group then groups.schedule(group) else insert(orphans, member) end
    end
end

-- 2. Group by group -----------------------------------------------------------------------------------

-- Makes room for new groups: those whose time is over go, then, of the oldest, those farthest from
-- firing. A score is the end of a group's time, and its level in the last digit.
local function make_room(store)
    if #store.scores == 0 then return end
    local held = call('ZCARD', store.queue)
    store.is_first = held == 0
    if store.new == 0 then return end
    local gone = call('ZRANGEBYSCORE', store.queue, '-inf', present.now_ms * LEVELS, 'LIMIT', 0,
                      PURGED_AT_ONCE + store.new)
    for _, field in ipairs(gone) do
        if not store.fields[field] then insert(store.forgets, field) end
    end
    local over = held - #store.forgets + store.new - present.tools.groups_max
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
    present.add(key.ledger, 'correlation_groups_evicted', victims)
    present.add(key.correlation_evictions, store.definition[RULE_ID], victims)
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
        if has_followers(group.definition) then followers.add_leader(store, group.field) end
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

-- A group of which only followers came is told what it says.
local function read_window(group, stored)
    local said
    if stored then
        group.window, said = windows.unpack(stored)
    else
        group.window = windows.new()
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
        followers.pull(group, stored and select(3, unpack_head(HEAD, stored)) or ALWAYS)
    end
    local packed, due, score = append(store, group, stored)
    if packed then return keep(store, group, packed, due, score) end
    read_window(group, stored)
    group.window.pulled = min(group.window.pulled, group.pulled or ALWAYS)
    windows.merge(group)
    fire.judge(group)
    trim(group)
    score = groups.score_of(store, group.level, 0)
    packed, due = windows.pack(group, group.window, score)
    keep(store, group, packed, due, score)
    if definition[RAISES] then
        for _, run in ipairs(group.runs) do fire.raise(group, run) end
    end
end

-- The groups of one depth, by what they are stored in.
local function process_layer(layer, depth)
    for definition, following in pairs(batch_followers) do
        if definition[DEPTH] == depth then
            local known = {}
            for _, group in ipairs(layer) do
                if group.definition == definition then known[group.field] = group end
            end
            followers.place(following, known)
        end
    end
    local by_definition = {}
    for _, group in ipairs(layer) do
        local list = by_definition[group.definition] or {}
        by_definition[group.definition] = list
        insert(list, group)
    end
    for definition, list in pairs(by_definition) do
        local store = groups.store_of(definition)
        for from = 1, #list, AT_ONCE do
            local to, fields = min(from + AT_ONCE - 1, #list), {}
            for i = from, to do insert(fields, list[i].field) end
            local values = call('HMGET', store.name, unpack(fields))
            for i = from, to do process(store, list[i], values[i - from + 1]) end
        end
    end
end

-- 3. Writing ------------------------------------------------------------------------------------------

-- Stores the windows. Nothing else writes.
local function write()
    for _, store in pairs(present.stores) do
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
            groups.refresh(store.name, store.lives_ms, store.is_first)
            groups.refresh(store.queue, store.lives_ms, store.is_first)
        end
        if store.leads then followers.write_version(store) end
        if store.followers then followers.write(store) end
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
    for i = 1, #present.belonging, 2 do
        local run = present.belonging[i + 1]
        list[n + 1], list[n + 2] = present.belonging[i].index, run.group.place
        list[n + 3], list[n + 4] = incident_of(run.place).id, queued[run.place] and 1 or 0
        n = n + 4
    end
    return list
end

local result = {write = write, answers = answers, head = fire.head}

local function take(given, tools)
    present.tools, present.add, present.now_ms = tools, tools.add, tonumber(tools.now_ms)
    present.layers, present.stores, present.raised, present.belonging = {}, {}, {}, {}
    new_definitions, batch_followers, orphans = {}, {}, {}
    groups.begin()
    followers.begin()
    if given then take_batch(given) else take_due() end
    for depth = 0, DEPTH_MAX do
        if present.layers[depth] then process_layer(present.layers[depth], depth) end
    end
    for _, store in pairs(present.stores) do
        make_room(store)
        if store.followers then followers.forget(store) end
        if store.definition[WAITS] then call('ZCARD', key.correlations_due) end
    end
    return result
end

return {begin = followers.begin_call, take = take}
