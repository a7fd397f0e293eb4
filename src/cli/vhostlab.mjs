#!/usr/bin/env node
// The installed command: TypeScript is loaded through tsx, in this thread only.
import { register } from 'tsx/esm/api';

register();
await import('./main.ts');
