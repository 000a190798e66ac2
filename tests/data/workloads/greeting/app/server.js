// Answers everything with one line.
require('node:http').createServer((_, answer) => answer.end('hello\n')).listen(process.env.PORT);
