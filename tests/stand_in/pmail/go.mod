module github.com/Jinnrry/pmail-stand-in

go 1.19
