from kerasgan_cli import main

main()
