module pmail-stand-in

go 1.19
