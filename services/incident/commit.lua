-- commit.lua: commits batches, each exactly once. The only writer of counters, incidents and outbox.
--
--   arguments the limits and the batches: MessagePack arrays packed by commit_pack.c, in the order of the names
--           below, each batch with its long texts behind it. Before this text commit_script.c puts the tables key,
--           day_field, incident_fields, severity_rank, status_rank and status_active, expanded from proto/*.def,
--           and the modules each_part (commit_parts.lua), totals (commit_totals.lua), correlations
--           (correlation.lua) and threats_into (commit_incidents.lua), both made of modules themselves.
--   answer  of each batch {state, floor}, and for a committed batch with threats {"ok", floor, last seq of this publisher,
--           {index, incident id, 1 when an alert was queued, topic, body, ...}, {index, group, incident id, 1
--           when an alert was queued, ...}}: threats, and events that correlations made threats. The index of
--           a threat of a correlation is -1. A duplicate that was sent before (its answer got lost) has parts
--           3 and 4 as well, unless it contributes, and as long as the stream holds them.
--   states  "ok", "duplicate", "ahead", "full": reasons of status.def. All but "ok" change nothing.
--
-- Lua has no rollback: of a batch, sections 1 and 2 only read and compute (and so meet a key of a wrong type
-- before anything is written), section 3 only writes. Batches of a call mostly touch the same keys: what was
-- read once is known to those behind, and what they sum up is written once, for all that came through.
--
-- All of this is made once, when Redis first calls it; a call only fills the variables below anew. Redis runs
-- one call at a time.

local call = redis.call
local floor_of, min, max = math.floor, math.min, math.max
local ipairs, pairs, tonumber, type, unpack = ipairs, pairs, tonumber, type, unpack

local AHEAD_MAX, PAGE_BITS = DEDUP_AHEAD_MAX, DEDUP_PAGE_BITS
local LANES_MAX = 100000        -- (producer, epoch) pairs known, and producers
local RULES_COUNTED_MAX = 100000
local QUARANTINE_KEPT = 10000
local RECALL_PAGE = 256         -- threats read at a time for an answer that got lost,
local RECALL_PAGES = 64         -- and how often
local WEEK_DAYS = 7
local WEEK_KEPT_S = 2 * 86400   -- week.lua makes it anew every day

-- Of the present call, and its limits.
local publisher, window_ms, lateness_ms, incidents_max, threats_kept, names_max, statistics_days,
    correlation_groups_max
local lanes                     -- how far each is: as Redis has it, and after the batches so far
local lanes_added
local week                      -- the days a report sums up, "from to" (week.lua); false: none; nil: not asked

-- Of the present batch.
local lane, seq, now_ms, accepted, seq_known, kept_from, was_sent
local ledger_fields, ledger_amounts, days, rule_ids, rule_hits
local quarantined, rules, threats, contributions
local place, floor, floor_after -- of its lane: where that is, and will be
local sums, names               -- what it adds (commit_totals.lua)

local function begin_call(limits)
    publisher, window_ms, lateness_ms, incidents_max, threats_kept, names_max, statistics_days,
        correlation_groups_max = unpack(limits, 1, 8)
    lanes, lanes_added, week = {}, 0, nil
    totals.begin()
    correlations.begin()
    threats_into.begin({publisher = publisher, window_ms = window_ms, lateness_ms = lateness_ms,
                        incidents_max = incidents_max, threats_kept = threats_kept})
end

-- Long texts stand behind the batch, and are told by their numbers.
local function take_long_texts(list, from, to, arguments, at)
    for i = from, to do
        local number = list[i]
        if type(number) == 'number' then list[i] = arguments[at + number] end
    end
end

local function begin(batch, arguments, at)
    lane, seq, now_ms, accepted, seq_known, kept_from, was_sent = unpack(batch, 1, 7)
    ledger_fields, ledger_amounts, days, rule_ids, rule_hits = unpack(batch, 8, 12)
    quarantined, rules, threats, contributions = unpack(batch, 13, 16)
    if batch[17] > 0 then
        take_long_texts(threats[16], 1, #threats[16], arguments, at)
        for _, list in ipairs(contributions and contributions[5] or {}) do
            take_long_texts(list, 3, 5, arguments, at)
        end
    end
    sums, names = {[key.ledger] = {fields = ledger_fields, amounts = ledger_amounts}}, {}
end

-- 1. Is the batch new? ------------------------------------------------------------------------------

local function page_of(number)
    return key.dedup:format(lane, ('%d'):format(floor_of(number / PAGE_BITS)))
end

-- The first number from `number` on that is not committed.
local function first_open(number)
    while true do
        local page, bit = page_of(number), number % PAGE_BITS
        if call('GETBIT', page, bit) == 0 then return number end
        local open = call('BITPOS', page, 0, bit, -1, 'BIT')
        if open < 0 then open = call('STRLEN', page) * 8 end
        number = number - bit + open
        if open < PAGE_BITS then return number end
    end
end

-- The threats of this batch as an earlier commit left them in the stream, as the answer lists them; nil
-- when not all are found.
local function recall()
    local indices, places, left, answers, from = threats[1], {}, #threats[1], {}, '+'
    local id_begins = ('%s-%d.'):format(lane, seq)
    for i, event_id in ipairs(threats[14]) do places[event_id] = i end
    for _ = 1, left > 0 and RECALL_PAGES or 0 do
        for _, entry in ipairs(call('XREVRANGE', key.threats, from, '-', 'COUNT', RECALL_PAGE)) do
            local topic, body = entry[2][6], entry[2][8]
            local threat = body:find(id_begins, 1, true) and cmsgpack.unpack(body)
            local place = threat and places[threat.event_id]
            if place then
                local n = 5 * (place - 1)
                answers[n + 1], answers[n + 2] = indices[place], threat.incident_id
                answers[n + 3], answers[n + 4] = threat.alert_queued and 1 or 0, topic
                answers[n + 5] = body
                places[threat.event_id], left = nil, left - 1
            end
            from = '(' .. entry[1]
        end
        if left == 0 then break end
    end
    return left == 0 and answers or nil
end

-- What contributions came to is not found again.
local function duplicate()
    local answers = was_sent and not contributions and recall()
    if not answers then return {'duplicate', floor} end
    return {'duplicate', floor, threats_into.last_seq(seq_known), answers}
end

local function place_of(of_lane)
    local floors = call('HMGET', key.floors, of_lane, of_lane:sub(1, 16))
    local stored = tonumber(floors[1] or 0)
    return {known = floors[1], floor = stored, closed = tonumber(floors[2] or 0), epoch = tonumber(of_lane:sub(18))}
end

-- Where the batch stands; an answer when it changes nothing. What its spool holds no more was committed once,
-- and is never sent again: a Redis that was lost since does not wait for it.
local function find_place()
    floor, floor_after = 0, 0
    if not lane then return nil end -- no batch: correlations that waited are judged
    place = lanes[lane] or place_of(lane)
    lanes[lane] = place
    floor = place.floor
    -- Every batch of a closed epoch was committed (close_epochs.lua saw to it, in this very Redis).
    if place.closed > place.epoch then
        floor = FLOOR_CLOSED
        return duplicate()
    end
    if kept_from > floor then floor = first_open(kept_from) end
    if seq < floor then return duplicate() end
    if seq > floor + AHEAD_MAX then return {'ahead', floor} end
    if not place.known and call('HLEN', key.floors) + lanes_added >= LANES_MAX then return {'full', 0} end
    if seq > floor and call('GETBIT', page_of(seq), seq % PAGE_BITS) == 1 then return duplicate() end

    -- The batch at the floor needs no bit: it moves the floor over itself and over the full bits behind it.
    floor_after = seq == floor and first_open(seq + 1) or floor
    return nil
end

-- 2. What is summed up ------------------------------------------------------------------------------

local function add(hash, field, amount)
    local sum = sums[hash]
    if not sum then
        sum = {fields = {}, amounts = {}}
        sums[hash] = sum
    end
    local at = #sum.fields + 1
    sum.fields[at], sum.amounts[at] = field, amount
end

-- The addresses of such a day count in the week's set, too, which may take in several days of the batch.
local function add_to_week(text, day_names, amounts)
    if week == nil then week = call('GET', key.week) end
    local from, to = (week or ''):match('^(%d+) (%d+)$')
    if not from or tonumber(text) < tonumber(from) or tonumber(text) > tonumber(to) then return end
    local set = key.week_addresses:format(to)
    local sum = names[set]
    if not sum then
        sum = {names = {}, amounts = {}, most = WEEK_DAYS * names_max,
               expire_at = floor_of(now_ms / 1000) + WEEK_KEPT_S}
        names[set] = sum
    end
    local count = #sum.names
    for i, name in ipairs(day_names) do
        sum.names[count + i], sum.amounts[count + i] = name, amounts[i]
    end
end

local function sum_days()
    for _, day in ipairs(days) do
        local text, expire_at = day[1], day[2]
        sums[key.day:format(text)] = {fields = day[3], amounts = day[4], expire_at = expire_at}
        if #day[5] > 0 then
            sums[key.day_types:format(text)] = {fields = day[5], amounts = day[6], expire_at = expire_at}
        end
        if #day[7] > 0 then
            add_to_week(text, day[7], day[8])
            names[key.day_addresses:format(text)] = {names = day[7], amounts = day[8], expire_at = expire_at}
        end
        if #day[9] > 0 then
            names[key.day_users:format(text)] = {names = day[9], amounts = day[10], expire_at = expire_at}
        end
    end
    if #rule_ids > 0 then
        sums[key.rule_hits] = {fields = rule_ids, amounts = rule_hits, fields_max = RULES_COUNTED_MAX}
    end
end

-- 3. Writing -----------------------------------------------------------------------------------------

-- How far the lane is; Redis is told at the end of the call.
local function move_floor()
    if seq > floor then call('SETBIT', page_of(seq), seq % PAGE_BITS, 1) end
    local pages = floor_of(floor_after / PAGE_BITS) - floor_of(place.floor / PAGE_BITS)
    for page = 0, min(pages - 1, AHEAD_MAX / PAGE_BITS) do
        call('DEL', page_of(place.floor + page * PAGE_BITS))
    end
    if not place.known then lanes_added = lanes_added + 1 end
    place.changed = place.changed or not place.known or floor_after > place.floor
    place.known, place.floor = true, max(place.floor, floor_after)
end

local function write_quarantined()
    for _, event in ipairs(quarantined) do
        call('XADD', key.quarantine, 'MAXLEN', '~', QUARANTINE_KEPT, '*', 'id', event[1], 'bytes', event[2])
    end
end

local function commit(batch, arguments, at)
    begin(batch, arguments, at)
    local answer = find_place()
    if answer then return answer end
    sum_days()

    local spans, correlated = {}, nil
    if contributions or not lane then
        correlated = correlations.take(contributions, {
            add = add, add_to_week = add_to_week, names = names, sums = sums, days = days, threats = threats,
            spans = spans, rules = rules, now_ms = now_ms, groups_max = correlation_groups_max,
            kept_days = statistics_days, publisher = publisher, rules_counted_max = RULES_COUNTED_MAX,
            batch_name = lane and ('%s-%d'):format(lane, seq),
            due_from = seq, due_count = accepted}) -- without a lane these two say which groups are judged
    end
    local has_threats = #threats[1] > 0
    local answers, publisher_seq, correlated_answers
    if has_threats then
        answers, publisher_seq, correlated_answers = threats_into.take({
            add = add, sums = sums, days = days, threats = threats, spans = spans, correlated = correlated,
            rules = rules, now_ms = now_ms, seq_known = seq_known})
    end
    totals.read(sums, names)
    if #quarantined > 0 then call('XLEN', key.quarantine) end

    if correlated then correlated.write() end
    totals.add(sums, names)
    if lane then
        -- The first field of the ledger: how many events the producer had accepted up to this batch.
        totals.raise(key.ledger, ledger_fields[1], accepted)
        move_floor()
    end
    write_quarantined()
    if not has_threats then return {'ok', floor_after} end
    threats_into.write()
    return {'ok', floor_after, publisher_seq, answers, correlated_answers}
end

-- What the batches of the call have in common.
local function end_call()
    local floors, n = {}, 0
    for name, at in pairs(lanes) do
        if at.changed then
            floors[n + 1], floors[n + 2] = name, at.floor
            n = n + 2
        end
    end
    each_part(floors, 'HSET', key.floors)
    totals.write(now_ms, names_max)
    threats_into.finish()
end

-- One batch after the other; an error of one is its answer, and stops no other. What the batches add to together
-- is written at the end: nothing there can fail, for it was read before.
return function(arguments)
    local answers, at = {}, 2
    begin_call(cmsgpack.unpack(arguments[1]))
    while at <= #arguments do
        local batch = cmsgpack.unpack(arguments[at])
        local is_done, answer = pcall(commit, batch, arguments, at)
        if not is_done then
            threats_into.undo()
            if type(answer) ~= 'table' then answer = {err = 'ERR ' .. tostring(answer)} end
        end
        answers[#answers + 1] = answer
        at = at + 1 + batch[17]
    end
    end_call()
    return answers
end
