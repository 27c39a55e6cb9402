"""The job of `run_tests`: it runs tests and cases in processes of their own."""
