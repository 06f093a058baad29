-- SPDX-License-Identifier: MIT
-- Lua's language and libraries, whose own tests Debian does not have: each test passes if it raises no error.
local tests = {}

function tests.integers()
	assert(math.maxinteger + 1 == math.mininteger and 7 // -2 == -4 and -7 % 3 == 2 and 7.5 // 2 == 3.0)
	assert(1 << 63 == math.mininteger and -1 >> 60 == 15 and ~5 & 0xff == 0xfa and 6 ~ 3 == 5)
	assert(math.type(3) == "integer" and math.type(3.0) == "float" and math.tointeger("8") == 8 and 3 | 0 == 3)
	assert(not pcall(function() return 1 // 0 end) and not pcall(function() return 1.5 | 1 end))
	assert(math.ult(1, -1) and tostring(2^53) == "9.007199254741e+15" and 0x7fffffffffffffff == math.maxinteger)
end

function tests.floats()
	assert(1 / 0 == math.huge and -1 / 0 == -math.huge and 0 / 0 ~= 0 / 0 and 2 ^ 0.5 == math.sqrt(2))
	assert(string.format("%.14g", math.pi) == "3.1415926535898" and string.format("%a", 1) == "0x1p+0")
	assert(math.abs(math.sin(math.pi / 6) - 0.5) < 1e-15 and math.exp(0) == 1 and math.log(8, 2) == 3)
	assert(math.floor(-3.5) == -4 and math.ceil(-3.5) == -3 and math.fmod(-7, 3) == -1)
	assert(tonumber("0x.8p1") == 1.0 and tonumber("1e") == nil and tonumber("z", 36) == 35)
end

function tests.strings()
	assert(("x"):rep(3, ",") == "x,x,x" and ("abc"):reverse():upper() == "CBA" and ("abc"):byte(-1) == 99)
	assert(("hello world"):find("o w") == 5 and ("a.b"):find(".", 2, true) == 2 and not ("abc"):find("d"))
	assert(("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key" and ("f(a(b)c)"):match("%b()") == "(a(b)c)")
	assert(("THE (quick) fox"):find("%((%a+)%)") == 5 and ("x"):gsub("", "-") == "-x-")
	local text, count = ("one two three"):gsub("%w+", {one = "1", two = false})
	assert(text == "1 two three" and count == 3 and ("abc"):gsub("b", "%0%0") == "abbc")
	assert(string.format("%5d|%-5s|%05.1f|%q|%x", 42, "ab", 3.14159, "a\n\0", 255) == '   42|ab   |003.1|"a\\\n\\0"|ff')
	local big = ("0123456789"):rep(100000)
	assert(#big == 1000000 and big:sub(-5) == "56789" and select(2, big:gsub("9", "")) == 100000)
end

function tests.utf8()
	assert(utf8.char(72, 228, 8364, 0x1f600) == "Hä€😀" and utf8.len("Hä€😀") == 4)
	assert(utf8.codepoint("€") == 8364 and not utf8.len("\xff") and utf8.offset("ä€", 2) == 3)
	local sum = 0
	for _, code in utf8.codes("aä") do sum = sum + code end
	assert(sum == 97 + 228)
end

function tests.pack()
	local packed = string.pack("<i4>I2zs1d", -2, 0x1234, "zero", "len", 0.5)
	local a, b, c, d, e, after = string.unpack("<i4>I2zs1d", packed)
	assert(a == -2 and b == 0x1234 and c == "zero" and d == "len" and e == 0.5 and after == #packed + 1)
	assert(string.packsize("!8i1i8") == 16 and not pcall(string.pack, "i1", 200))
end

function tests.tables()
	local t = {}
	for i = 1, 20000 do t[i] = (i * 7919) % 20011 end
	table.sort(t)
	for i = 2, #t do assert(t[i - 1] < t[i]) end
	table.sort(t, function(a, b) return a > b end)
	assert(t[1] > t[#t] and #t == 20000)
	table.insert(t, 1, "first")
	assert(table.remove(t, 1) == "first" and table.concat({1, 2, 3}, "-") == "1-2-3")
	assert(select("#", table.unpack({1, nil, 3}, 1, 3)) == 3 and table.pack(1, nil).n == 2)
	assert(#table.move({1, 2, 3}, 1, 3, 2) == 4)
	local keys = {}
	for i = 1, 1000 do keys["k" .. i] = i end
	local sum = 0
	for key, value in pairs(keys) do sum = sum + value; keys[key] = nil end
	assert(sum == 500500 and next(keys) == nil)
	assert(not pcall(next, {}, "no such key") and not pcall(table.sort, {3, 1, "x"}))
end

function tests.metatables()
	local vector = {}
	vector.__index = vector
	function vector.__add(a, b) return setmetatable({x = a.x + b.x}, vector) end
	function vector.__eq(a, b) return a.x == b.x end
	function vector.__lt(a, b) return a.x < b.x end
	function vector.__call(self, y) return self.x * y end
	function vector.__concat(a, b) return tostring(a) .. "," .. tostring(b) end
	function vector.__tostring(self) return "<" .. self.x .. ">" end
	function vector.__len() return 42 end
	local one, two = setmetatable({x = 1}, vector), setmetatable({x = 2}, vector)
	assert((one + two).x == 3 and one + one == two and one < two and two(21) == 42 and #one == 42)
	assert(one .. two == "<1>,<2>" and rawlen({1}) == 1 and not rawequal(one + one, two))
	local log, proxy = {}, setmetatable({}, {__newindex = function(_, key, value) rawset(_, key, value * 2) end,
		__index = function(_, key) return key .. "?" end, __metatable = "closed"})
	proxy.a = 4
	assert(proxy.a == 8 and proxy.b == "b?" and getmetatable(proxy) == "closed" and not pcall(setmetatable, proxy, log))
end

function tests.closures()
	local function counter() local n = 0; return function() n = n + 1; return n end, function() n = 0 end end
	local next_a, reset = counter()
	local next_b = counter()
	assert(next_a() == 1 and next_a() == 2 and next_b() == 1)
	reset()
	assert(next_a() == 1)
	local functions = {}
	for i = 1, 3 do functions[i] = function() i = i + 1; return i end end
	assert(functions[1]() == 2 and functions[1]() == 3 and functions[2]() == 3)
	local function tail(n) if n == 0 then return "end" end return tail(n - 1) end
	assert(tail(1000000) == "end" and not pcall(function() local function deep() return 1 + deep() end return deep() end))
end

function tests.coroutines()
	local function generate(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
	local sum = 0
	for i in generate(100000) do sum = sum + i end
	assert(sum == 5000050000)
	local co = coroutine.create(function(a) local b = coroutine.yield(a * 2); error({code = b}) end)
	assert(select(2, coroutine.resume(co, 21)) == 42 and coroutine.status(co) == "suspended")
	local ok, err = coroutine.resume(co, 7)
	assert(not ok and err.code == 7 and coroutine.status(co) == "dead" and not coroutine.resume(co))
	assert(coroutine.isyieldable() == false and select(2, coroutine.running()) == true)
	local closed = false
	co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() closed = true end}); coroutine.yield() end)
	coroutine.resume(co)
	assert(coroutine.close(co) and closed)
	-- Through pcall, a metamethod and an iterator.
	co = coroutine.wrap(function() return pcall(function() return coroutine.yield(1) + setmetatable({}, {__add = function(a) return coroutine.yield(2) end}) end) end)
	assert(co() == 1 and co(5) == 2 and select(2, co("sum")) == "sum")
end

function tests.errors()
	local ok, message = pcall(error, "plain", 0)
	assert(not ok and message == "plain" and select(2, pcall(error)) == nil)
	assert(select(2, pcall(function() local x; return x.y end)):find("attempt to index a nil value %(local 'x'%)"))
	assert(select(2, xpcall(function() error("deep") end, function(m) return debug.traceback(m, 1) end)):find("stack traceback:"))
	assert(select(2, pcall(function() return #nil end)) and not load("x ="))
	local order = {}
	local function closer(name) return setmetatable({}, {__close = function(_, e) order[#order + 1] = name .. (e and "!" or "") end}) end
	pcall(function() local a <close> = closer("a"); local b <close> = closer("b"); error("x") end)
	assert(table.concat(order, " ") == "b! a!")
end

function tests.gotos()
	local found
	for i = 1, 10 do
		for j = 1, 10 do
			if i * j == 42 then found = i; goto out end
			if j > i then goto continue end
		end
		::continue::
	end
	::out::
	assert(found == 6)
	local n <const> = 3
	assert(load("local x <const> = 1; x = 2") == nil and n == 3)
end

function tests.load()
	assert(load("return 1 + ...")(41) == 42 and load(function() return nil end))
	local environment = {}
	load("x = 1; function f() return x + 1 end", "chunk", "t", environment)()
	assert(environment.f() == 2 and x == nil)
	local dumped = string.dump(function(a) return a * 2 end, true)
	assert(load(dumped, "binary", "b")(21) == 42 and not load(dumped, "binary", "t"))
end

function tests.memory()
	local weak = setmetatable({}, {__mode = "v"})
	local finalized = 0
	for i = 1, 1000 do weak[i] = {i} end
	for _ = 1, 100 do setmetatable({}, {__gc = function() finalized = finalized + 1 end}) end
	collectgarbage()
	collectgarbage()
	assert(next(weak) == nil and finalized == 100)
	local before = collectgarbage("count")
	local big = {}
	for i = 1, 200000 do big[i] = {i} end
	assert(collectgarbage("count") > before + 5000)
	big = nil
	for _, mode in ipairs({"incremental", "generational"}) do
		collectgarbage(mode)
		for i = 1, 200000 do local t = {i, tostring(i)} end
		collectgarbage()
		assert(collectgarbage("count") < before + 2000)
	end
	collectgarbage("incremental")
end

function tests.files()
	local name = os.tmpname()
	local file <close> = assert(io.open(name, "w+"))
	assert(file:write("one\n", 2, "\n", 3.5, "\nrest") and file:seek("set") == 0)
	assert(file:read("l") == "one" and file:read("n") == 2 and file:read("n") == 3.5 and file:read("L") == "\n")
	assert(file:read(2) == "re" and file:read("a") == "st" and file:read("a") == "" and file:read("l") == nil)
	assert(file:seek("end") == 14 and file:seek("cur", -4) == 10 and file:setvbuf("full", 1024))
	file:write("R")
	file:flush()
	local lines = {}
	for line in io.lines(name) do lines[#lines + 1] = line end
	assert(#lines == 4 and lines[4] == "Rest" and io.type(file) == "file")
	local other = io.open(name, "a")
	other:write("+")
	other:close()
	assert(io.type(other) == "closed file" and not pcall(other.read, other))
	assert(os.rename(name, name .. ".2") and not io.open(name) and os.remove(name .. ".2"))
	local missing, why, code = io.open("/no/such/file")
	assert(missing == nil and why == "/no/such/file: No such file or directory" and code == 2)
	assert(select(3, os.remove("/proc/self/exe")) ~= 0 and select(3, io.open("/tmp", "w")) == 21)
end

function tests.processes()
	local pipe = io.popen("cat > /tmp/lua.out; exit 3", "w")
	pipe:write("through a pipe")
	local ok, how, code = pipe:close()
	assert(not ok and how == "exit" and code == 3 and io.lines("/tmp/lua.out")() == "through a pipe")
	assert(select(3, os.execute("kill -9 $$")) == 9 and os.execute() and os.execute("true"))
	assert(io.popen("echo $0; echo two"):read("a") == "sh\ntwo\n" and os.getenv("HOME") == "/root" and not os.getenv("NO_SUCH"))
end

function tests.time()
	assert(os.time({year = 2000, month = 1, day = 1, hour = 0}) == 946684800 and os.date("!%Y-%m-%d %H:%M:%S", 0) == "1970-01-01 00:00:00")
	local now = os.date("*t")
	assert(now.year >= 2000 and os.difftime(10, 4) == 6 and os.time() >= 946684800)
	local before = os.clock()
	for i = 1, 1000000 do end
	assert(os.clock() >= before)
end

local names = {}
for name in pairs(tests) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
	local ok, message = xpcall(tests[name], debug.traceback)
	print((ok and "@pass lua." or "@fail lua.") .. name)
	if not ok then print(message) end
end
