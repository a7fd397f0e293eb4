import { describe, expect, it } from 'vitest';
import { DEFAULT_GOALS, GOAL_PRESETS, describeGoal, parseGoal } from '../../../../src/experiment/search/search-goal.ts';

describe('a search goal', () => {
  it('is read from text, the rest as by default', () => {
    expect(parseGoal('loss=0.1%,width=1%')).toEqual({
      ...DEFAULT_GOALS[0],
      name: 'at most 0.10 % lost',
      lossRatio: 0.001,
      widthRatio: 0.01,
    });
    expect(parseGoal('name=long,loss=0,trial=60s,exceed=0%')).toMatchObject({
      name: 'long',
      finalTrialNs: 6e10,
      durationSumNs: 6e10,
      exceedRatio: 0,
    });
  });

  it.each([
    'width=1%',
    'loss=1%,loss=2%',
    'loss=100%',
    'loss=-1%',
    'loss=1%,width=0',
    'loss=1%,colour=red',
    'loss=1%,sum=1s,trial=2s',
    'loss=1%,initial=2s',
    'loss=1%,exceed=100%',
    '',
  ])('"%s" is refused with what is allowed', (text) => {
    expect(() => parseGoal(text)).toThrow(/allowed: loss=0\.5%,width=2%/);
  });

  it('says what it asks for', () => {
    expect(describeGoal(DEFAULT_GOALS[0])).toMatch(/^NDR: without loss, /);
    expect(describeGoal(DEFAULT_GOALS[1])).toMatch(/^PDR: with at most 0.50 % lost, /);
  });

  it('comes as CSIT, RFC 2544 and TST 009 have it', () => {
    const ofPreset = (name: string) =>
      GOAL_PRESETS.get(name)!.map(({ lossRatio, finalTrialNs, durationSumNs, exceedRatio }) => [
        lossRatio,
        finalTrialNs / 1e9,
        durationSumNs / 1e9,
        exceedRatio,
      ]);
    expect(ofPreset('csit')).toEqual([
      [0, 1, 21, 0.5],
      [0.005, 1, 21, 0.5],
    ]);
    expect(ofPreset('rfc2544')).toEqual([[0, 60, 60, 0]]);
    expect(ofPreset('tst009')).toEqual([[0, 60, 120, 0.5]]);
  });
});
