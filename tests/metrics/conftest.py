def pytest_configure(config):
    config.addinivalue_line("markers", "oracle: compares with another implementation; set KERASGAN_ORACLE_PYTHON")
