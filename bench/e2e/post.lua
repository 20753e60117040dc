-- post.lua: wrk posts the lines of a file in turn.   BODIES=FILE wrk -s post.lua URL
local bodies, n = {}, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
	n = n % #bodies + 1
	return wrk.format(nil, nil, nil, bodies[n])
end
