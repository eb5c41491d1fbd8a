# SPDX-License-Identifier: MIT
# Threads, processes, files, sockets, regular expressions, exceptions and the collector.
require 'json'
require 'socket'
require 'stringio'
require 'tempfile'
require 'zlib'

queue = Queue.new
threads = 4.times.map { |i| Thread.new { 100.times { |k| queue << i * k } } }
threads.each(&:join)
puts queue.size
puts Zlib::Inflate.inflate(Zlib::Deflate.deflate('x' * 10_000)).size
puts JSON.parse(JSON.generate((1..500).map { |i| { 'n' => i } })).sum { |h| h['n'] }
Tempfile.create('x') { |file| file.write('a' * 5000); file.flush; puts File.size(file.path) }
pid = fork { exit!(3) }
Process.wait(pid)
puts $?.exitstatus, `echo from a child`
server = TCPServer.new('127.0.0.1', 0)
client = Thread.new { TCPSocket.open('127.0.0.1', server.addr[1]) { |s| s.puts 'hi'; s.gets } }
server.accept.tap { |s| s.puts s.gets.upcase; s.close }
puts client.value
server.close
begin
  File.open('/nowhere/at/all')
rescue Errno::ENOENT => e
  puts e.class
end
words = File.read(__FILE__).scan(/\w+/).tally
puts words['puts']
200.times { Array.new(1000) { |i| i.to_s } }
GC.start
fiber = Fiber.new { 3.times { |i| Fiber.yield i } }
puts 3.times.map { fiber.resume }.inspect
puts IO.popen(%w[cat], 'r+') { |io| io.puts 'piped'; io.close_write; io.read }
trap('USR2') { puts 'caught' }
Process.kill('USR2', Process.pid)
sleep 0.05
at_exit { puts 'the end' }
