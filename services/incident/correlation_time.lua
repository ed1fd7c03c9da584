-- correlation_time.lua: days, hours and timestamps of times in milliseconds, for correlations.

local floor_of = math.floor
local HOUR_MS, QUARTER_MS, DAY_MS = 3600000, 900000, 86400000
local DAYS_KEPT = 1000

local day_texts, day_count = {}, 0 -- by days since 1970

-- YYYYMMDD of a time, and its number since 1970 (Howard Hinnant's civil_from_days).
local function day_of(ms)
    local number = floor_of(ms / DAY_MS)
    if not day_texts[number] then
        if day_count == DAYS_KEPT then day_texts, day_count = {}, 0 end
        day_count = day_count + 1
        local z = number + 719468
        local era = floor_of(z / 146097)
        local doe = z - era * 146097
        local yoe = floor_of((doe - floor_of(doe / 1460) + floor_of(doe / 36524) -
                              floor_of(doe / 146096)) / 365)
        local doy = doe - (365 * yoe + floor_of(yoe / 4) - floor_of(yoe / 100))
        local month = floor_of((5 * doy + 2) / 153)
        local day = doy - floor_of((153 * month + 2) / 5) + 1
        month = month < 10 and month + 3 or month - 9
        local year = yoe + era * 400 + (month <= 2 and 1 or 0)
        day_texts[number] = ('%04d%02d%02d'):format(year, month, day)
    end
    return day_texts[number], number
end

local function rfc3339(ms)
    local day, rest = day_of(ms), ms % DAY_MS
    local fraction = ms % 1000 > 0 and ('.%03d'):format(ms % 1000) or ''
    return ('%s-%s-%sT%02d:%02d:%02d%sZ'):format(
        day:sub(1, 4), day:sub(5, 6), day:sub(7, 8), floor_of(rest / HOUR_MS),
        floor_of(rest / 60000) % 60, floor_of(rest / 1000) % 60, fraction)
end

-- The statistics' day of a time, and when its statistics end: where its zone stands is known in quarters of an
-- hour.
local function local_day(ms, zone, kept_days)
    local text, number = day_of(ms + zone * QUARTER_MS)
    return text, (number + 1 + kept_days) * 86400
end

-- The hour of that day, as two digits.
local function local_hour(ms, zone)
    return ('%02d'):format(floor_of((ms + zone * QUARTER_MS) / HOUR_MS) % 24)
end

return {rfc3339 = rfc3339, local_day = local_day, local_hour = local_hour}
