-- correlation_append.lua: contributions that fire nothing, or nothing but themselves, are put behind what is
-- stored of their group, which is neither unpacked nor sorted.

local pack = cmsgpack.pack
local min, max, has, ipairs = math.min, math.max, bit.band, ipairs
local pack_head, unpack_head = struct.pack, struct.unpack

local KIND, LATENESS, WAITS, RAISES = terms.KIND, terms.LATENESS, terms.WAITS, terms.RAISES
local OWN, FIRED, ALWAYS, present = terms.OWN, terms.FIRED, terms.ALWAYS, terms.present
local has_followers = terms.has_followers
local HEAD, HEAD_SIZE, NO_WINDOW = windows.HEAD, windows.HEAD_SIZE, windows.NO_WINDOW
local amount_of, add_to_mask, pack_body = windows.amount_of, windows.add_to_mask, windows.pack_body
local holds, level_of, could_fire = measures.holds, measures.level_of, measures.could_fire
local contribute_behind, score_of = groups.contribute_behind, groups.score_of

local TAIL_MAX = 32             -- contributions that are not sorted in

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
            due = due == 0 and present.now_ms + lateness or min(due, present.now_ms + lateness)
        end
        records = records .. pack(time, entry.weight, entry.marks + (alone and FIRED or 0), entry.zone,
                                  entry.rule, entry.value, waits and present.now_ms + lateness or 0,
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
    if late > 0 then present.add(key.ledger, 'contributions_late', late) end
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

return append
