-- commit_parts.lua: commands on lists of any length: Lua's unpack, and so one call, takes some 8000 values at most.

local call, unpack, min, select = redis.call, unpack, math.min, select
local AT_ONCE = 1000            -- even, so that pairs stay together

-- Runs a command, given with what stands before the list, on so many values of the list at a time.
return function(list, ...)
    if #list <= AT_ONCE and select('#', ...) == 2 then
        local command, key = ...
        if #list > 0 then call(command, key, unpack(list)) end
        return
    end
    for from = 1, #list, AT_ONCE do
        local arguments, count = {...}, select('#', ...)
        for i = from, min(from + AT_ONCE - 1, #list) do arguments[count + i - from + 1] = list[i] end
        call(unpack(arguments))
    end
end
