-- post.lua: wrk posts the lines of a file in turn, from one on.   BODIES=FILE FROM=0 wrk -s post.lua URL
local bodies, n = {}, tonumber(os.getenv("FROM") or 0)
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
	n = n % #bodies + 1
	return wrk.format(nil, nil, nil, bodies[n])
end
