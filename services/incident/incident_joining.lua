-- incident_joining.lua: what a threat, or another incident, adds to an incident. It comes to the same in any order.

local min, insert = math.min, table.insert
local ipairs, type = ipairs, type

local load_rest, touch = store.load_rest, store.touch
local precedes, smaller, unite = rule_lists.precedes, rule_lists.smaller, rule_lists.unite

local COUNT_MAX = 9007199254740991

local function take_rules(incident, json)
    local union = unite(incident.rules, json)
    incident.rules, incident.tags, incident.rule_title = union.rules, union.tags, union.title
end

local function take_rule(incident, number)
    local rule = present.rules[number]
    if incident.last_rule ~= number and not incident.rules:find(rule, 1, true) then
        take_rules(incident, '[' .. rule .. ']')
    end
    incident.last_rule = number
end

local function title_of(incident, threat)
    local title_name = present.title_names[threat]
    if title_name == 'rule' then
        return incident.rule_title or unite(incident.rules, '[]').title
    end
    local name = incident.affected_user
    if title_name == 'address' then name = incident.source_ip end
    return present.titles[threat] .. (name or 'unknown')
end

-- Takes a description over when it goes before the incident's, and the severity with it.
local function take_description(incident, severity, at, text)
    local a, b = severity_rank[severity], severity_rank[incident.severity]
    if a < b or (a == b and at > incident.description_at) then return end
    if a == b and at == incident.description_at then
        local held = load_rest(incident).description
        if text == held or precedes(held, text) then return end
    end
    incident.severity, incident.description, incident.description_at = severity, text, at
end

local function take_times(incident, first, day, last, count)
    if first < incident.first_seen then incident.first_seen, incident.day = first, day end
    if last > incident.last_seen then incident.last_seen = last end
    incident.detection_count = min(incident.detection_count + count, COUNT_MAX)
end

local function absorb(incident, threat)
    local time, list, span = present.times[threat], present.rule_lists[threat], present.spans[threat]
    touch(incident)
    take_description(incident, present.severities[threat], span and span.at or time, present.details[threat])
    take_times(incident, time, present.days[present.threat_days[threat]][1], span and span.to or time,
               present.counts[threat])
    incident.source_ip = smaller(incident.source_ip, present.addresses[threat])
    incident.affected_user = smaller(incident.affected_user, present.users[threat])
    if type(list) == 'number' then
        take_rule(incident, list)
    else
        for _, rule in ipairs(list) do take_rule(incident, rule) end
    end
    incident.threats = incident.threats + 1
    incident.threat = threat -- any one of its kind: the title is made the same way for all
end

local function join_notes(a, b)
    if not a or a == '' or not b or b == '' then return (a and a ~= '') and a or b end
    return a .. '\n' .. b
end

-- `other` turned out to be part of `incident`.
local function merge(incident, other)
    load_rest(incident)
    load_rest(other)
    touch(incident)
    touch(other)
    take_description(incident, other.severity, other.description_at, other.description)
    take_times(incident, other.first_seen, other.day, other.last_seen, other.detection_count)
    incident.source_ip = smaller(incident.source_ip, other.source_ip)
    incident.affected_user = smaller(incident.affected_user, other.affected_user)
    incident.analyst_notes = join_notes(incident.analyst_notes, other.analyst_notes)
    incident.resolution = join_notes(incident.resolution, other.resolution)
    if status_rank[other.status] > status_rank[incident.status] then
        incident.status = other.status
    end
    take_rules(incident, other.rules)
    other.merged_into = incident.id
    insert(incident.news, 'absorbed ' .. other.id)
    insert(other.news, 'merged into ' .. incident.id)
    present.add(key.ledger, 'incidents_merged', 1)
end

return {title_of = title_of, absorb = absorb, merge = merge}
