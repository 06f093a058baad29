# SPDX-License-Identifier: MIT
"""unit.py NAME...: run modules of Python's own tests, or cases or tests in them, and tell run.py of each."""
import os
import sys
import tempfile
import unittest

from test import support


class Teller(unittest.TextTestResult):
    def tell(self, what, test, reason=''):
        name = test.id().replace('test.', '', 1).replace(' ', '_')
        print('@%s %s %s' % (what, name, reason), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell('pass', test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell('fail', test)

    def addError(self, test, err):
        super().addError(test, err)
        self.tell('fail', test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell('fail', test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell('skip', test, reason)

    addExpectedFailure = addSuccess


support.use_resources = {}
os.chdir(tempfile.mkdtemp())
tests = unittest.defaultTestLoader.loadTestsFromNames(['test.' + name for name in sys.argv[1:]])
unittest.TextTestRunner(verbosity=0, resultclass=Teller, stream=sys.stdout).run(tests)
