-- roll_load.lua: what wrk does for bench/roll: POST questions, check every answer, and at the
-- end print one line for bench/roll_sum.py: counts, then the whole histogram of latencies.
--
--   wrk -s roll_load.lua URL -- [GENERATION TEXT]...
--
-- Each pair says which text only this generation holds.  An answer is mixed when its header
-- and its body name different generations, or when the text is another generation's.
local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

local texts, bodies, at = {}, {}, 0
bad, mixed, checked, first = 0, 0, 0, ""

function init(args)
	for i = 1, #args - 1, 2 do
		texts[args[i]] = args[i + 1]
	end
	for _, text in ipairs{"letters by boat", "how is the harbour lamp trimmed",
	    "edition of the handbook", "flour and water overnight", "patch on the inner tube"} do
		table.insert(bodies, wrk.format("POST", nil, {["Content-Type"] = "application/json"},
		    '{"query": "' .. text .. '", "top_k": 5}'))
	end
end

function request()
	at = at % #bodies + 1
	return bodies[at]
end

local function is_whole(headers, body)
	local named = headers["X-Ragpool-Generation"]
	if named == nil or texts[named] == nil or
	    not body:find('"generation":%s*"' .. named:gsub("%-", "%%-") .. '"') then
		return false
	end
	for generation, text in pairs(texts) do
		if generation ~= named and body:find(text, 1, true) then
			return false
		end
	end
	return body:find(texts[named], 1, true) ~= nil
end

function response(status, headers, body)
	if status ~= 200 then
		bad = bad + 1
		if first == "" then first = status .. " " .. body:sub(1, 200):gsub("%s+", " ") end
	elseif next(texts) ~= nil then
		checked = checked + 1
		if not is_whole(headers, body) then
			mixed = mixed + 1
			if first == "" then first = "mixed " .. body:sub(1, 200):gsub("%s+", " ") end
		end
	end
end

function done(summary, latency, requests)
	local bad, mixed, checked, first = 0, 0, 0, ""
	for _, thread in ipairs(threads) do
		bad = bad + thread:get("bad")
		mixed = mixed + thread:get("mixed")
		checked = checked + thread:get("checked")
		if first == "" then first = thread:get("first") end
	end
	local e = summary.errors
	io.write(string.format("LOAD %d %d %d %d %d %d|%s|", summary.requests, summary.duration,
	    bad, mixed, checked, e.connect + e.read + e.write + e.timeout, first:gsub("|", " ")))
	for i = 1, #latency do
		local us, n = latency(i)
		io.write(string.format(" %d:%d", us, n))
	end
	io.write("\n")
end
