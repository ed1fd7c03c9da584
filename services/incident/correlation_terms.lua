-- correlation_terms.lua: what the modules of correlations have in common: how a definition is made up, what a mark
-- says, and what is known of the present batch.
--
--   present  tools, what commit.lua gives take(); add and now_ms of these; layers, by depth: groups with
--            something to do; stores, by name: hashes to write, with what to write; raised, by place among
--            the threats: runs; belonging: events of this batch that came to belong, and their runs

local terms = {present = {}}

-- Members of a definition, in the order of commit_pack_correlations.c.
for place, member in ipairs({
    'IDENTITY', 'KIND', 'TIMESPAN', 'LATENESS', 'WAITS', 'RAISES', 'COMPARISONS', 'EXPRESSION', 'IN_ORDER',
    'PERCENTILE', 'RULE_COUNT', 'QUANTUM', 'DEPTH', 'SEVERITY', 'EVENT_TYPE', 'TITLE', 'TITLE_NAME',
    'RULE_JSON', 'RULES', 'TOPIC', 'RULE_ID'}) do
    terms[member] = place
end

-- A mark tells of a contribution: its event is a threat by itself; in the very same incident; it
-- belongs; it fired; and how many events it stands for, times EVENT.
terms.OWN, terms.SAME, terms.BELONGS, terms.FIRED, terms.EVENT = 1, 2, 4, 8, 16

terms.LEVELS = 8                -- how near a group is to firing
terms.ALWAYS = 1e300            -- later than any time
terms.NONE = {}                 -- in place of a list that has nothing
terms.OUTAGE_MS = 3600000       -- windows outlive their time by this, so that an outage loses none
terms.AT_ONCE = 500             -- fields in a call

local KIND, IN_ORDER, RULE_COUNT, WAITS = terms.KIND, terms.IN_ORDER, terms.RULE_COUNT, terms.WAITS

-- Of these, contributions of rules behind the first come as followers.
local function has_followers(definition)
    return definition[IN_ORDER] > 1 and definition[IN_ORDER] == definition[RULE_COUNT] and not definition[WAITS]
end

local function needs_rules(definition)
    return definition[KIND] == 'temporal' or definition[KIND] == 'temporal_ordered'
end

terms.has_followers, terms.needs_rules = has_followers, needs_rules
return terms
